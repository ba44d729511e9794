# shellcheck shell=bash
# Sourced by the scripts for an AWS account: the options that all of them take, and calls whose failure is always told.
# bash and the aws command, version 1 or 2; answers are taken as text, so no jq.
#
# A list is asked for as [].[Name]: the aws command applies --query to each page of an answer by itself, so that
# length() or [0] would be said once a page.

# Never a pager, never a prompt; a call that AWS slows down is tried again by the aws command itself.
export AWS_PAGER='' AWS_CLI_AUTO_PROMPT=off
export AWS_RETRY_MODE=${AWS_RETRY_MODE:-standard} AWS_MAX_ATTEMPTS=${AWS_MAX_ATTEMPTS:-5}

name=${0##*/}
region=''                       # of the next call; '' is what the profile says
endpoint=${AWS_ENDPOINT_URL:-}  # given on, for the aws command of Debian 12 ignores the variable and would ask the real AWS
profile=''
apply=no
trouble=1       # exit code where something could not be asked or done

# What the script says of itself at its top.
usage() {
	sed -n '/^# shellcheck/d; 2,/^[^#]/s/^# \{0,1\}//p' "$0"
}

wrong() {
	echo "$name: $*; $name --help" >&2
	exit 2
}

fail() {
	echo "$name: $*" >&2
	exit $trouble
}

# common_option "$@": whether the first word is an option of all; then `taken` is how many words it has.
common_option() {
	taken=2
	case $1 in
	--endpoint-url) value_of "$@" && endpoint=$2 ;;
	--profile) value_of "$@" && profile=$2 ;;
	--region) value_of "$@" && region=$2 ;;
	-h | --help)
		usage
		exit 0 ;;
	*) return 1 ;;
	esac
}

# value_of "$@": that the option has one.
value_of() {
	[ $# -ge 2 ] && [ -n "$2" ] || wrong "$1 needs a value"
}

# Once, after the options.
ready() {
	command -v aws >/dev/null || fail "the aws command is missing; on Debian: apt-get install awscli"
	notes=$(mktemp) || exit $trouble
	trap 'rm -f "$notes"' EXIT
}

# Without our input: whoever reads lines in a loop would lose them.
run_aws() {
	aws ${endpoint:+--endpoint-url "$endpoint"} ${profile:+--profile "$profile"} ${region:+--region "$region"} "$@" </dev/null
}

# ask SERVICE OPERATION...: its answer, as text, is `answer`. If there is none: `code` is AWS's word for it, as AccessDenied,
# and `why` what to tell.
ask() {
	answer='' code='' why=''
	if answer=$(run_aws --output text "$@" 2>"$notes"); then
		[ "$answer" != None ] || answer=''
		return 0
	fi
	answer=''
	explain "$1 $2" "$(<"$notes")"
	return 1
}

# explain WHAT TEXT: of what the aws command wrote when it failed.
explain() {
	local what=$1 text=$2
	if [[ $text =~ 'An error occurred ('([A-Za-z0-9.]+)')' ]]; then
		code=${BASH_REMATCH[1]}
	elif [[ $text == *'locate credentials'* || $text == *'config profile'*'could not be found'* ]]; then
		code=NoCredentials
	elif [[ $text == *'oken has expired'* || $text == *'SSO session'*'expired'* ]]; then
		code=ExpiredToken
	elif [[ $text == *'specify a region'* ]]; then
		code=NoRegion
	elif [[ $text == *'Could not connect'* || $text == *'timeout on endpoint'* || $text == *'Connection was closed'* ]]; then
		code=Unreachable
	else
		code=Failed
	fi
	case $code in
	AccessDenied | AccessDeniedException | UnauthorizedOperation | AuthorizationError | Client.UnauthorizedOperation)
		why="no right to $what ($code)" ;;
	Throttling | ThrottlingException | ThrottledException | RequestLimitExceeded | TooManyRequestsException | SlowDown | \
		RequestThrottled)
		why="$what: too many requests ($code), after $AWS_MAX_ATTEMPTS tries; try again later" ;;
	ExpiredToken | ExpiredTokenException | RequestExpired)
		why="$what: the credentials have expired ($code); sign in again" ;;
	InvalidClientTokenId | UnrecognizedClientException | AuthFailure | SignatureDoesNotMatch | InvalidAccessKeyId)
		why="$what: AWS does not accept the credentials ($code)" ;;
	NoCredentials) why="$what: no credentials; aws configure, or --profile" ;;
	NoRegion) why="$what: no region; give --region" ;;
	Unreachable) why="$what: AWS cannot be reached (${text##*$'\n'})" ;;
	*)
		text=${text#"${text%%[![:space:]]*}"}
		why="$what: ${text//$'\n'/ }" ;;
	esac
}

# must_ask SERVICE OPERATION...: or end.
must_ask() {
	ask "$@" || fail "$why"
}

# The region that calls go to, by name.
own_region() {
	own=${region:-${AWS_REGION:-${AWS_DEFAULT_REGION:-}}}
	[ -n "$own" ] || own=$(run_aws configure get region 2>/dev/null) || own=''
	[ -n "$own" ] || fail "no region; give --region"
	region=$own
}

# --- of those that change something: first the whole plan, then, with --apply, one step after the other ---

steps=() step_regions=() step_calls=()
left=0          # what is to be changed, and we do not

# step TEXT SERVICE OPERATION...: one of the plan, in this region. No word of the call may have a space.
step() {
	steps+=("$1") step_regions+=("$region")
	shift
	step_calls+=("$*")
}

# leave TEXT: told in the plan, and not done.
leave() {
	echo "left    $1"
	left=$((left + 1))
}

# Ends the script. A step that failed does not keep the next ones from being tried.
carry_out() {
	local i call failed=0
	for i in "${!steps[@]}"; do
		region=${step_regions[i]}
		read -r -a call <<<"${step_calls[i]}"
		if [ $apply = no ]; then
			echo "plan    ${steps[i]}"
		elif ask "${call[@]}"; then
			echo "done    ${steps[i]}"
		else
			echo "FAILED  ${steps[i]}: $why"
			failed=$((failed + 1))
		fi
	done
	if [ ${#steps[@]} = 0 ] && [ $left = 0 ]; then
		echo "nothing to do"
	elif [ $apply = no ]; then
		echo "nothing was changed; ${#steps[@]} to do with --apply, $left left"
		exit 0
	else
		echo "$((${#steps[@]} - failed)) done, $failed failed, $left left"
	fi
	[ $((failed + left)) = 0 ] || exit 1
	exit 0
}
