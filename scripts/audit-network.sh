# shellcheck shell=bash
# Sourced by audit-account: the rows of the network and of the machines in it. check_ID calls `good` where there is something
# to judge, `bad TEXT` for what does not hold, `cannot` after a call without an answer. All is asked of $region.
# shellcheck disable=SC2317,SC2154 # called by names put together; answer, why, tab, in_use are of those that source this
# shellcheck disable=SC2015 # `A && B || bad`: bad when either does not hold

is_world() {
	[ "$1" = 0.0.0.0/0 ] || [ "$1" = ::/0 ]
}

# ports PROTOCOL FROM TO, to be told
ports() {
	if [ "$1" = -1 ]; then echo everything; elif [ "$2" = "$3" ]; then echo "$1 $2"; else echo "$1 $2-$3"; fi
}

# each_rule IS_EGRESS FUNCTION: calls it for the rules of groups in VPCs in use: group protocol from to peer description.
each_rule() {
	local group egress protocol from to peer text
	vpcs_in_use && group_names && rules || return 0
	while IFS=$tab read -r group egress protocol from to peer text; do
		[ "$egress" = "$1" ] || continue
		[[ $in_use == *" ${vpc_of[$group]:-none} "* ]] || continue
		good
		"$2" "$group" "$protocol" "$from" "$to" "$peer" "$text"
	done <<<"$answer"
}

check_N1() {
	each_rule False ingress_from_world
}

ingress_from_world() {
	is_world "$5" || return 0
	[ "$2 $3 $4" = 'tcp 80 80' ] || [ "$2 $3 $4" = 'tcp 443 443' ] || bad "$region $1 admits $(ports "$2" "$3" "$4") from $5"
}

check_N1b() {
	each_rule True egress_to_world
}

egress_to_world() {
	is_world "$5" || return 0
	[ "$2" != -1 ] && [ "$3" = "$4" ] || bad "$region $1 lets $(ports "$2" "$3" "$4") out to $5"
}

check_N2() {
	each_rule False ingress_by_group
}

ingress_by_group() {
	[[ $5 != */* ]] || is_world "$5" || bad "$region $1 admits addresses, $5, in place of a group"
}

check_N3() {
	local vpc table main
	declare -A ways=()
	vpcs_in_use || return 0
	good
	ask ec2 describe-route-tables --query \
		"RouteTables[?Routes[?(DestinationCidrBlock=='0.0.0.0/0' || DestinationIpv6CidrBlock=='::/0') &&
			starts_with(GatewayId || '-', 'igw-')]].[VpcId, RouteTableId, Associations[?Main].Main | [0]]" || { cannot; return; }
	while IFS=$tab read -r vpc table main; do
		[[ -n $vpc && $in_use == *" $vpc "* ]] || continue
		[ "$main" != True ] || bad "$region $table, where subnets go that name none, leads to the Internet"
		ways[$vpc]=$((${ways[$vpc]:-0} + 1))
	done <<<"$answer"
	for vpc in "${!ways[@]}"; do
		[ "${ways[$vpc]}" = 1 ] || bad "$region $vpc: ${ways[$vpc]} route tables lead to the Internet"
	done
}

check_N4() {
	local acl vpc default subnet shells
	vpcs_in_use || return 0
	good
	ask ec2 describe-network-acls --query \
		"NetworkAcls[].[NetworkAclId, VpcId, IsDefault, Associations[0].SubnetId, Entries[?!Egress && RuleAction=='allow' &&
			(CidrBlock=='0.0.0.0/0' || Ipv6CidrBlock=='::/0') && (Protocol=='-1' || Protocol=='6' &&
			(PortRange.From<=to_number('22') && PortRange.To>=to_number('22') ||
			PortRange.From<=to_number('3389') && PortRange.To>=to_number('3389')))].RuleNumber | [0]]" || { cannot; return; }
	while IFS=$tab read -r acl vpc default subnet shells; do
		[[ -n $acl && $in_use == *" $vpc "* && $subnet != None ]] || continue
		[ "$default" != True ] || bad "$region $acl, the default, guards $subnet of $vpc"
		[ "$shells" = None ] || bad "$region $acl, rule $shells, admits 22 or 3389 from anywhere"
	done <<<"$answer"
}

check_N5() {
	local database public group kind names instance listed others=' '
	databases && [ -n "$answer" ] || return 0
	listed=$answer
	cards || return 0
	while IFS=$tab read -r _ _ kind names _ _ _ instance; do
		if [ "$kind" = network_load_balancer ] || [ "${instance:-None}" != None ]; then others+="${names//,/ } "; fi
	done <<<"$answer"
	while IFS=$tab read -r database public _ _ names; do
		good
		[ "$public" = False ] || bad "$region $database can be reached from outside"
		for group in ${names//,/ }; do
			[[ $others != *" $group "* ]] || bad "$region $database shares $group with machines or a balancer"
		done
	done <<<"$listed"
}

check_N6() {
	local instance key
	default_groups
	each_rule False no_shells
	each_rule True described
	instances || return 0
	while IFS=$tab read -r instance _ _ _ _ _ key _; do
		[ "${key:-None}" = None ] || bad "$region $instance has the key pair $key"
	done <<<"$answer"
}

# Of every VPC, used or not: whoever starts a machine and names no group is in it.
default_groups() {
	local group
	declare -A open=()
	group_names && rules || return 0
	good
	while IFS=$tab read -r group _; do
		[ "${name_of[${group:-none}]:-}" != default ] || open[$group]=yes
	done <<<"$answer"
	for group in "${!open[@]}"; do bad "$region $group, the default of ${vpc_of[$group]}, has rules"; done
}

no_shells() {
	local port
	described "$@"
	is_world "$5" || return 0
	for port in 22 23 3389 5985 5986; do
		if [ "$2" = -1 ] || { [ "$2" = tcp ] && [ "$3" -le $port ] && [ "$4" -ge $port ]; }; then
			bad "$region $1 admits port $port from $5"
			return
		fi
	done
}

described() {
	[ "$6" != None ] || [ "${name_of[$1]}" = default ] || bad "$region $1: a rule without a description"
}

check_N7() {
	local card kind ids names
	cards || return 0
	while IFS=$tab read -r card _ kind ids names _; do
		# Those can have none.
		[ -n "$card" ] && [[ $kind != nat_gateway && $kind != gateway_load_balancer* && $kind != transit_gateway ]] || continue
		good
		[ "$ids" != - ] || bad "$region $card ($kind) has no group"
		[[ ",$names," != *,default,* ]] || bad "$region $card ($kind) is in the default group"
	done <<<"$answer"
}

check_E1() {
	local arn title scheme kind zones guard listed
	balancers || return 0
	listed=$answer
	while IFS=$tab read -r arn title scheme kind zones guard; do
		[ "${scheme:-}" = internet-facing ] && [ "$kind" != gateway ] || continue
		good
		[ "$zones" -ge 2 ] || bad "$region $title is in one zone"
		[ "$guard" != None ] || bad "$region $title has no security group"
		ask elbv2 describe-load-balancer-attributes --load-balancer-arn "$arn" \
			--query "Attributes[?Key=='deletion_protection.enabled'].[Value]" || { cannot; continue; }
		[ "$answer" = true ] || bad "$region $title may be deleted"
	done <<<"$listed"
}

check_E2() {
	local instance address tag subnet vpc card kind owner
	instances || return 0
	while IFS=$tab read -r instance _ _ _ _ _ _ address tag _; do
		[ -n "$instance" ] || continue
		good
		[ "$address" = None ] || [ "$tag" = machine ] || bad "$region $instance has the public address $address"
	done <<<"$answer"
	vpcs_in_use || return 0
	while IFS=$tab read -r card _ kind _ _ address owner _; do
		[ "$kind" != interface ] || [ "$address" = None ] || [ "$owner" != amazon ] ||
			bad "$region $card has the public address $address, which is no Elastic IP"
	done <<<"$answer"
	ask ec2 describe-subnets --query 'Subnets[?MapPublicIpOnLaunch].[SubnetId, VpcId]' || { cannot; return; }
	while IFS=$tab read -r subnet vpc; do
		[[ -z $subnet || $in_use != *" $vpc "* ]] || bad "$region $subnet gives whoever starts there a public address"
	done <<<"$answer"
}

check_E3() {
	local title kind
	ask elbv2 describe-target-groups --query 'TargetGroups[].[TargetGroupName, HealthCheckProtocol]' || { cannot; return; }
	while IFS=$tab read -r title kind; do
		[ -n "$title" ] || continue
		good
		[[ $kind == HTTP || $kind == HTTPS ]] || bad "$region $title asks for a connection only, by $kind"
	done <<<"$answer"
}

check_E4() {
	local title kind zones least largest target listed
	ask autoscaling describe-auto-scaling-groups --query 'AutoScalingGroups[].[AutoScalingGroupName, HealthCheckType,
		length(AvailabilityZones), MinSize, MaxSize, TargetGroupARNs[0]]' || { cannot; return; }
	listed=$answer
	while IFS=$tab read -r title kind zones least largest target; do
		# Without a balancer before it there is nobody whose health check would count.
		[ "${target:-None}" != None ] || continue
		good
		[[ $kind == *ELB* ]] || bad "$region $title goes by $kind, not by the balancer's health"
		[ "$zones" -ge 2 ] || bad "$region $title is in one zone"
		[ "$least" -ge 2 ] && [ "$largest" -gt "$least" ] || bad "$region $title is $least to $largest machines"
		ask autoscaling describe-lifecycle-hooks --auto-scaling-group-name "$title" \
			--query 'LifecycleHooks[].[LifecycleTransition]' || { cannot; continue; }
		[[ $answer == *autoscaling:EC2_INSTANCE_TERMINATING* ]] || bad "$region $title has no hook in which a machine is drained"
	done <<<"$listed"
}

check_H1() {
	local instance tokens hops service template version
	instances || return 0
	while IFS=$tab read -r instance _ _ tokens hops service _; do
		[ -n "$instance" ] || continue
		good
		[ "$service" != disabled ] || continue
		[ "$tokens" = required ] || bad "$region $instance answers IMDSv1"
		[ "$hops" = 1 ] || bad "$region $instance lets metadata go $hops hops"
	done <<<"$answer"
	templates || return 0
	while IFS=$tab read -r template version tokens hops _; do
		[ -n "$template" ] || continue
		good
		[ "$tokens $hops" = 'required 1' ] || bad "$region $template version $version does not ask for IMDSv2 and one hop"
	done <<<"$answer"
}

check_H2() {
	local id encrypted
	good
	if ! ask ec2 get-ebs-encryption-by-default --query EbsEncryptionByDefault; then
		cannot
	elif [ "$answer" != True ]; then
		bad "$region does not encrypt new volumes unasked"
	fi
	volumes || return 0
	while IFS=$tab read -r id encrypted _; do
		[[ -z $id || $encrypted == True ]] || bad "$region $id is not encrypted"
	done <<<"$answer"
	databases || return 0
	while IFS=$tab read -r id _ encrypted _; do
		[[ -z $id || $encrypted == True ]] || bad "$region $id is not encrypted"
	done <<<"$answer"
}

check_H3() {
	local vpc
	vpcs_in_use || return 0
	good
	ask ec2 describe-flow-logs --query \
		"FlowLogs[?FlowLogStatus=='ACTIVE' && TrafficType=='ALL' && DeliverLogsStatus!='FAILED'].[ResourceId]" || { cannot; return; }
	for vpc in $in_use; do
		[[ " ${answer//$'\n'/ } " == *" $vpc "* ]] || bad "$region $vpc has no log of all flows"
	done
}
