# shellcheck shell=bash
# Sourced by audit-account: the rows of people, backups and records. check_ID calls `good` where there is something to
# judge, `bad TEXT` for what does not hold, `cannot` after a call without an answer. All is asked of $region.
# shellcheck disable=SC2317,SC2154 # called by names put together; answer, why, code, tab are of those that source this

check_I1() {
	local document text
	instances && [ -n "$answer" ] || return 0
	good
	ask ssm list-documents --filters Key=Owner,Values=Self Key=DocumentType,Values=Session \
		--query 'DocumentIdentifiers[].[Name]' || { cannot; return; }
	[ -n "$answer" ] || { bad "$region has machines, but no document for sessions"; return; }
	for document in $answer; do
		ask ssm get-document --name "$document" --document-format JSON --query Content || { cannot; continue; }
		text=${answer//[[:space:]]/}
		[[ $text =~ \"cloudWatchLogGroupName\":\"[^\"] && $text =~ \"cloudWatchEncryptionEnabled\":\"?true ]] ||
			bad "$region $document does not log to an encrypted group"
	done
}

check_I2() {
	local arn version listed
	good
	ask iam list-policies --scope Local --only-attached --query 'Policies[].[Arn, DefaultVersionId]' || { cannot; return; }
	listed=$answer
	while IFS=$tab read -r arn version; do
		[ -n "$arn" ] || continue
		ask iam get-policy-version --policy-arn "$arn" --version-id "$version" --query \
			"to_array(PolicyVersion.Document.Statement)[?Effect=='Allow' && (contains(to_array(Action), '*') ||
				contains(to_array(Action), '*:*')) && contains(to_array(Resource), '*')].[Effect]" || { cannot; continue; }
		[ -z "$answer" ] || bad "${arn##*/} allows everything"
	done <<<"$listed"
}

check_I3() {
	local instance role
	instances || return 0
	while IFS=$tab read -r instance _ role _; do
		[ -n "$instance" ] || continue
		good
		[ "$role" != None ] || bad "$region $instance has no role"
	done <<<"$answer"
}

# report: the credential report, a line each user. AWS makes a new one at most every four hours.
credential_report() {
	local tries
	[ -z "${report:-}" ] || return 0
	[ -z "${report_trouble:-}" ] || { cannot "$report_trouble"; return 1; }
	for ((tries = 0; tries < 30; tries++)); do
		ask iam generate-credential-report --query State || break
		[ "$answer" != COMPLETE ] || break
		sleep "${AUDIT_PAUSE:-2}"
	done
	if [ -z "$why" ] && [ "$answer" != COMPLETE ]; then
		why="iam generate-credential-report: not done in a minute"
	elif [ -z "$why" ] && ask iam get-credential-report --query Content; then
		report=$(base64 -d <<<"$answer" 2>/dev/null)
		[[ $report == user,arn,* ]] || report='' why="iam get-credential-report: there is no report in it"
	fi
	[ -n "$why" ] || return 0
	report_trouble=$why
	cannot
	return 1
}

# each_user FUNCTION: calls it with each user's name, and the report's fields by their titles in `field`. A name may have
# commas, and then so has the ARN beside it: what is behind the two is counted from the end.
each_user() {
	local line titles values i more user
	credential_report || return 0
	IFS=, read -r -a titles <<<"${report%%$'\n'*}"
	while IFS= read -r line; do
		[ -n "$line" ] || continue
		IFS=, read -r -a values <<<"$line"
		more=$((${#values[@]} - ${#titles[@]}))
		[ $more -ge 0 ] || { cannot "iam get-credential-report: a line of it is cut off"; continue; }
		declare -A field=()
		for ((i = 2; i < ${#titles[@]}; i++)); do field[${titles[i]}]=${values[i + more]}; done
		user=$(IFS=,; echo "${values[*]:0:1+more/2}")
		"$1" "$user"
	done <<<"${report#*$'\n'}"
}

check_I4() {
	local oldest
	oldest=$(TZ=UTC printf '%(%Y-%m-%dT%H:%M:%S)T' $((EPOCHSECONDS - 90 * 86400)))
	each_user young_keys
}

young_keys() {
	local n
	good
	for n in 1 2; do
		[ "${field[access_key_${n}_active]}" = true ] || continue
		if [ "$1" = '<root_account>' ]; then
			bad "root has an access key"
		elif [[ ${field[access_key_${n}_last_rotated]} < $oldest ]]; then
			bad "$1 has an access key older than 90 days"
		fi
	done
}

check_I5() {
	local template version data text
	templates || return 0
	while IFS=$tab read -r template version _ _ data; do
		[ -n "$template" ] || continue
		good
		[ "$data" != None ] || continue
		text=$(base64 -d <<<"$data" 2>/dev/null | tr -d '\0')
		! grep -qiE 'BEGIN [A-Z ]*PRIVATE|AKIA[0-9A-Z]{16}|passw(or)?d *=|secret *=' <<<"$text" ||
			bad "$region $template version $version has a secret in its user data"
	done <<<"$answer"
}

check_I6() {
	local user listed
	good
	ask iam list-users --query 'Users[].[UserName]' || { cannot; return; }
	listed=$answer
	while IFS= read -r user; do
		[ -n "$user" ] || continue
		ask iam list-user-policies --user-name "$user" --query 'PolicyNames[].[@]' || { cannot; continue; }
		[ -z "$answer" ] || bad "$user has rights of its own: ${answer//$'\n'/, }"
		ask iam list-attached-user-policies --user-name "$user" --query 'AttachedPolicies[].[PolicyName]' || { cannot; continue; }
		[ -z "$answer" ] || bad "$user has policies attached: ${answer//$'\n'/, }"
	done <<<"$listed"
}

check_I7() {
	good
	if ! ask iam get-account-summary --query SummaryMap.AccountMFAEnabled; then
		cannot
	elif [ "$answer" != 1 ]; then
		bad "root has no MFA device"
	fi
	each_user mfa_of_user
}

mfa_of_user() {
	[ "$1" != '<root_account>' ] || return 0
	[ "${field[password_enabled]}" != true ] || [ "${field[mfa_active]}" = true ] || bad "$1 has a password and no MFA device"
}

password_policy() {
	good
	ask iam get-account-password-policy --query "PasswordPolicy.[MinimumPasswordLength, RequireUppercaseCharacters,
		RequireLowercaseCharacters, RequireNumbers, RequireSymbols, MaxPasswordAge || '0', PasswordReusePrevention || '0']" && return 0
	if [ "$code" = NoSuchEntity ]; then bad "the account has no password policy"; else cannot; fi
	return 1
}

check_I8() {
	local length upper lower digit sign age
	password_policy || return 0
	IFS=$tab read -r length upper lower digit sign age _ <<<"$answer"
	[ "$length" -ge 14 ] || bad "$length characters are enough"
	[ "$upper $lower $digit $sign" = 'True True True True' ] || bad "not all four kinds of characters are asked for"
	if [ "$age" = 0 ]; then
		bad "passwords do not expire"
	elif [ "$age" -gt 90 ]; then
		bad "passwords expire after $age days"
	fi
}

check_I9() {
	local reuse
	password_policy || return 0
	reuse=${answer##*"$tab"}
	[ "$reuse" -ge 24 ] || bad "the last $reuse passwords are refused, not 24"
}

# A volume that is older than two days has a snapshot that is not.
check_S1() {
	local volume created since id when days listed
	declare -A newest=()
	volumes || return 0
	listed=$answer
	since=$(TZ=UTC printf '%(%Y-%m-%dT%H:%M:%S)T' $((EPOCHSECONDS - 2 * 86400)))
	if [ -n "$listed" ]; then
		good
		ask ec2 describe-snapshots --owner-ids self --filters Name=status,Values=pending,completed \
			--query 'Snapshots[].[VolumeId, StartTime]' || { cannot; return; }
		while IFS=$tab read -r id when; do
			[ -z "$id" ] || [[ ${newest[$id]:-} > $when ]] || newest[$id]=$when
		done <<<"$answer"
		while IFS=$tab read -r volume _ created; do
			[[ $created > $since || ${newest[$volume]:-} > $since ]] || bad "$region $volume has no snapshot of the last two days"
		done <<<"$listed"
		ask dlm get-lifecycle-policies --state ENABLED --query 'Policies[].[PolicyId]' || { cannot; return; }
		[ -n "$answer" ] || bad "$region has volumes, and no policy that copies them by schedule"
	fi
	databases || return 0
	while IFS=$tab read -r id _ _ days _; do
		[ -n "$id" ] || continue
		good
		[ "$days" -ge 7 ] || bad "$region $id keeps its backups for $days days"
	done <<<"$answer"
}

# One bucket that does is enough; it is looked for until it is found.
check_S2() {
	local bucket
	good
	ask s3api list-buckets --query 'Buckets[].[Name]' || { cannot; return; }
	for bucket in $answer; do
		if ask s3api get-bucket-lifecycle-configuration --bucket "$bucket" --query \
			"Rules[?Status=='Enabled'].Transitions[].[StorageClass]"; then
			[[ $answer != *GLACIER* && $answer != *DEEP_ARCHIVE* ]] || { troubles=(); return; }
		elif [ "$code" != NoSuchLifecycleConfiguration ]; then
			cannot
		fi
	done
	[ ${#troubles[@]} -gt 0 ] || bad "no bucket moves anything to Glacier"
}

check_R1() {
	local instance state managed listed
	instances && [ -n "$answer" ] || return 0
	good
	listed=$answer
	ask ssm describe-instance-information --query "InstanceInformationList[?PingStatus=='Online'].[InstanceId]" ||
		{ cannot; return; }
	managed=" ${answer//$'\n'/ } "
	while IFS=$tab read -r instance _ _ _ _ _ _ _ _ state; do
		[[ $state != running || $managed == *" $instance "* ]] || bad "$region $instance is not managed by Systems Manager"
	done <<<"$listed"
	ask ssm list-associations --association-filter-list key=Name,value=AWS-RunPatchBaseline \
		--query 'Associations[].[AssociationId, Overview.Status]' || { cannot; return; }
	[ -n "$answer" ] || bad "$region has machines that nothing patches"
	while IFS=$tab read -r instance state; do
		[ "${state:-}" != Failed ] || bad "$region: the last run of patches failed ($instance)"
	done <<<"$answer"
}

# One trail that records everything is enough, whatever is wrong with the others.
check_C1() {
	local arn all services listed before
	good
	trails || return 0
	listed=$answer before=${#troubles[@]}
	while IFS=$tab read -r arn _ all services _; do
		[ "${all:-}" = True ] && [ "$services" = True ] || continue
		ask cloudtrail get-trail-status --name "$arn" --query "[IsLogging, LatestDeliveryError || 'none']" || { cannot; continue; }
		[ "$answer" = "True${tab}none" ] || { bad "${arn##*/}: recording ${answer/$tab/, last error of delivery }"; continue; }
		ask cloudtrail get-event-selectors --trail-name "$arn" --query \
			"[EventSelectors[?ReadWriteType=='All' && IncludeManagementEvents && !ExcludeManagementEventSources].ReadWriteType | [0],
				AdvancedEventSelectors[?FieldSelectors[0].Field=='eventCategory' && !FieldSelectors[1] &&
				contains(FieldSelectors[0].Equals, 'Management')].FieldSelectors[0].Field | [0]]" || { cannot; continue; }
		[ "$answer" != "None${tab}None" ] || { bad "${arn##*/} leaves management events out"; continue; }
		findings=() troubles=("${troubles[@]:0:before}")
		return
	done <<<"$listed"
	[ ${#findings[@]} -gt 0 ] || [ ${#troubles[@]} -gt "$before" ] ||
		bad "no trail records all regions and the global services"
}

# each_trail FUNCTION: of those of all regions; called with arn, whether its files are validated, bucket and key.
each_trail() {
	local arn all validated bucket key listed
	trails || return 0
	listed=$answer
	while IFS=$tab read -r arn _ all _ validated bucket key; do
		[ "${all:-}" = True ] || continue
		good
		"$1" "$arn" "$validated" "$bucket" "$key"
	done <<<"$listed"
	[ "$seen" = yes ] || bad "no trail records all regions"
}

check_C2() {
	each_trail validated
}

validated() {
	[ "$2" = True ] || bad "${1##*/} makes no digests by which its files could be validated"
}

check_C3() {
	each_trail mfa_delete
}

mfa_delete() {
	ask s3api get-bucket-versioning --bucket "$3" --query '[Status, MFADelete]' || { cannot; return; }
	[[ $answer == Enabled$tab* ]] || bad "$3 is not versioned"
	[[ $answer == *${tab}Enabled ]] || bad "$3 deletes without MFA (scripts/trail-mfa-delete)"
}

check_C4() {
	each_trail locked_bucket
}

locked_bucket() {
	local bucket=$3
	[ "$4" != None ] || bad "${1##*/} is not encrypted with a key of the account"
	if ask s3api get-public-access-block --bucket "$bucket" --query 'PublicAccessBlockConfiguration.[BlockPublicAcls,
		IgnorePublicAcls, BlockPublicPolicy, RestrictPublicBuckets]'; then
		[ "$answer" = "True${tab}True${tab}True${tab}True" ] || bad "$bucket may be made public"
	else
		absent NoSuchPublicAccessBlockConfiguration "$bucket may be made public"
	fi
	if ask s3api get-bucket-policy --bucket "$bucket" --query Policy; then
		[[ $answer == *aws:SecureTransport* ]] || bad "$bucket answers without TLS"
		[[ $answer == *aws:SourceArn* ]] || bad "$bucket takes files of any trail"
	else
		absent NoSuchBucketPolicy "$bucket has no policy"
	fi
	if ask s3api get-bucket-logging --bucket "$bucket" --query LoggingEnabled.TargetBucket; then
		[ -n "$answer" ] || bad "who reads $bucket is not logged"
	else
		cannot
	fi
	if ask s3api get-bucket-replication --bucket "$bucket" \
		--query "ReplicationConfiguration.Rules[?Status=='Enabled'].[Destination.Bucket]"; then
		[ -n "$answer" ] || bad "$bucket has no copy elsewhere"
	else
		absent ReplicationConfigurationNotFoundError "$bucket has no copy elsewhere"
	fi
}

# absent CODE TEXT: AWS says by an error, too, that there is none.
absent() {
	if [ "$code" = "$1" ]; then bad "$2"; else cannot; fi
}

# Rules of Config need a recorder. In this region only: config-rules.yaml is deployed where the team works.
check_watch() {
	local rule listed
	good
	if ask configservice describe-configuration-recorder-status --query 'ConfigurationRecordersStatus[?recording].[name]'; then
		[ -n "$answer" ] || bad "$region: nothing is recorded"
	else
		cannot
	fi
	ask configservice describe-config-rules --query "ConfigRules[?ConfigRuleState=='ACTIVE'].[Source.SourceIdentifier]" ||
		{ cannot; return; }
	listed=" ${answer//$'\n'/ } "
	for rule in VPC_DEFAULT_SECURITY_GROUP_CLOSED IAM_USER_NO_POLICIES_CHECK IAM_USER_MFA_ENABLED ROOT_ACCOUNT_MFA_ENABLED \
		IAM_PASSWORD_POLICY S3_BUCKET_MFA_DELETE_ENABLED EC2_EBS_ENCRYPTION_BY_DEFAULT; do
		[[ $listed == *" $rule "* ]] || bad "$region: no rule $rule"
	done
	ask configservice describe-compliance-by-config-rule --compliance-types NON_COMPLIANT \
		--query 'ComplianceByConfigRules[].[ConfigRuleName]' || { cannot; return; }
	while IFS= read -r rule; do
		[ -z "$rule" ] || bad "$region: the rule $rule is broken"
	done <<<"$answer"
}
