# shellcheck shell=bash
# What the scripts say, and how. Progress goes to stderr, results to stdout.

if [[ -t 2 && -z ${NO_COLOR-} ]]; then
    dim=$'\e[2m' red=$'\e[31m' green=$'\e[32m' yellow=$'\e[33m' plain=$'\e[0m'
else
    dim='' red='' green='' yellow='' plain=''
fi

# A step that begins.
step() { printf '%s==>%s %s\n' "$green" "$plain" "$*" >&2; }

# Something worth knowing about the step.
note() { printf '    %s%s%s\n' "$dim" "$*" "$plain" >&2; }

# Something a person should look at.
warn() { printf '%s==> %s%s\n' "$yellow" "$*" "$plain" >&2; }

# The end.
fail() {
    printf '%s==> %s%s\n' "$red" "$*" "$plain" >&2
    exit 1
}
