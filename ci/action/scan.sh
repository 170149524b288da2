#!/usr/bin/env bash
# Looks at what the job is about. It always ends well: the verdict comes after the upload.
set -uo pipefail

reports=${RUNNER_TEMP:?}/keysift
rm -rf "$reports"
mkdir -p "$reports"

# Words, not shell: what stands in them is not run.
read -r -d '' -a more < <(printf '%s' "${KEYSIFT_ARGS:-}") || true
shown=human
[[ ${KEYSIFT_ANNOTATIONS:-true} == true ]] && shown=github

if cd "${KEYSIFT_DIRECTORY:-.}"; then
    keysift git --ci --fetch-missing -f "$shown" -o - -f json -o "$reports/report.json" \
        -f sarif -o "$reports/report.sarif" -f markdown -o "$reports/summary.md" ${more[@]+"${more[@]}"}
    code=$?
else
    code=2
fi

case $code in
    0) verdict=passed ;;
    3) verdict=incomplete ;;
    2 | 130) verdict=error ;;
    # --exit-code may have given it another number.
    *) verdict=secrets ;;
esac
{
    echo "verdict=$verdict"
    echo "exit-code=$code"
    [[ -s $reports/report.json ]] && echo "report=$reports/report.json"
    [[ -s $reports/report.sarif ]] && echo "sarif=$reports/report.sarif"
} >>"${GITHUB_OUTPUT:?}"
if [[ ${KEYSIFT_SUMMARY:-true} == true && -s $reports/summary.md ]]; then
    cat "$reports/summary.md" >>"${GITHUB_STEP_SUMMARY:?}"
fi
exit 0
