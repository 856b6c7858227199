#!/bin/sh
. ./a.sh
source "b c.sh"; . /abs/d
# . no1
. "$(dirname "$0")/e.sh"
source "${BASH_SOURCE%/*}/f.sh" && . $(dirname $0)/g.sh
. "$HOME/.x"
cat <<'EOF'
. no2
EOF
echo '. no3'
. "$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)/h.sh"
