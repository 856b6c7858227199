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
find . -path no4
find "$x" . ./no5
find  . -path no6 \
	. ./no7
cp source ./no8
test -f i && . ./i.sh || { . ./j.sh; }
if . ./k.sh; then . ./l.sh; else	. ./m.sh; fi
! . ./n.sh && \
	. ./o.sh
command . ./p.sh; for x in y; do source ./q.sh; done
case $x in r) . ./r.sh;; esac
x=$(. ./s.sh)`. ./t.sh`
