#!/bin/sh
# Check 0.15.2 counts a test that takes over 2^31 microseconds, 35 minutes and 47 seconds, as an error.
#
# The test passes; but how long it took, in microseconds, is kept in an int, which turns negative, and the process
# that is to report it ends with exit code 2. The timeout, which may be hours, has nothing to do with it.
# Seen, for a test that sleeps 36 minutes with a timeout of two hours: "0%: Checks: 1, Failures: 0, Errors: 1" and
# "(after this point) Early exit with return value 2". Takes 36 minutes. Fails once that changes.
# SPDX-License-Identifier: GPL-3.0-or-later
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
apt-get download -q check >log 2>&1 || { cat log; exit 1; }
version=$(dpkg-deb -f check_*.deb Version)
case $version in
0.15.2-*) ;;
*) echo "this is of Check 0.15.2, not $version"; exit 1 ;;
esac
dpkg-deb -x check_*.deb .
cat >long.c <<'END'
#include <check.h>
#include <unistd.h>
START_TEST(sleeps) { sleep(36 * 60); }
END_TEST
int main(void)
{
    Suite *suite = suite_create("long");
    TCase *tests = tcase_create("long");
    tcase_set_timeout(tests, 7200);
    tcase_add_test(tests, sleeps);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    return srunner_ntests_failed(runner);
}
END
library=$(find . -name libcheck.a)
cc -Iusr/include -o long long.c "$library" -lsubunit -lrt -lm -pthread 2>log ||
    cc -Iusr/include -o long long.c "$library" -lrt -lm -pthread
said=$(./long 2>&1) && code=0 || code=$?
echo "Check $version: $said"
[ "$code" -eq 1 ] && echo "$said" | grep -q 'Errors: 1$' && echo "$said" | grep -q 'Early exit with return value 2'
