#!/usr/bin/env bash
# Says what could not be uploaded, and ends as keysift ended.
set -euo pipefail

if [[ ${KEYSIFT_UPLOAD:-} == failure ]]; then
    echo "::warning title=keysift::Code scanning took no report: jobs of pull requests from forks, and those without \`security-events: write\`, may not upload. The verdict stands."
fi
case ${KEYSIFT_VERDICT:-error} in
    passed) ;;
    secrets) echo "::error title=keysift::There are secrets in this change. Revoke what was pushed: deleting the lines is not enough." ;;
    incomplete) echo "::error title=keysift::Not everything could be looked at: the report says what, and docs/reports.md what helps." ;;
    *) echo "::error title=keysift::keysift could not run: its message stands above." ;;
esac
exit "${KEYSIFT_EXIT_CODE:-2}"
