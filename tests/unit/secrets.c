// links: daemon/redact.c daemon/secrets.c daemon/letter.c daemon/routing.c daemon/sign.c daemon/inifile.c daemon/nearest.c daemon/status.c
/* The secrets file: what is refused, what is found, and what is hidden in what receivers answer. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#include "redact.h"
#include "secrets.h"

#define KEY "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
#define OTHER_KEY "whsec_MDEyMzQ1Njc4OWFiY2RlZg=="

static char path[] = "/tmp/crmd-secrets-XXXXXX";

static int
make_file(void **state)
{
    int fd = mkstemp(path);

    (void) state;
    return fd < 0 ? -1 : close(fd);
}

static int
remove_file(void **state)
{
    (void) state;
    return unlink(path);
}

static enum Status
read_text(struct Secrets *secrets, const char *text, struct Problem *problem)
{
    FILE *file = fopen(path, "w");

    assert_non_null(file);
    fputs(text, file);
    fclose(file);
    return secrets_read(secrets, path, problem);
}

static void
test_found(void **state)
{
    struct Secrets secrets = {NULL};
    struct Problem problem;
    const struct Secret *secret;

    (void) state;
    assert_int_equal(read_text(&secrets,
                               "[a]\nurl = https://a.example/x\nkey = " KEY "\n"
                               "[b]\nurl = http://b.example\nkeys = " KEY ", " OTHER_KEY
                               "\n[c]\nurl=https://c.example\nrouting_key = 0123456789abcdef\n",
                               &problem),
                     STATUS_OK);
    secret = secrets_find(&secrets, "a");
    assert_string_equal(secret->url, "https://a.example/x");
    assert_int_equal(secret->key_count, 1);
    assert_int_equal(secret->keys[0].length, 24);
    assert_int_equal(secrets_find(&secrets, "b")->key_count, 2);
    assert_int_equal(secrets_find(&secrets, "b")->keys[1].length, 16);
    assert_int_equal(secrets_find(&secrets, "c")->key_count, 0);
    assert_string_equal(secrets_find(&secrets, "c")->routing_key, "0123456789abcdef");
    assert_null(secrets_find(&secrets, "b")->routing_key);
    assert_null(secrets_find(&secrets, "d"));
    assert_null(secrets_find(&secrets, "A"));
    secrets_free(&secrets);
}

/* What is refused leaves what was there before. */
static void
test_refused(void **state)
{
    static const char *const bad[] = {
        "[a]\nkey = " KEY "\n",
        "[a]\nurl = https://x/\nurl = https://y/\n",
        "[a]\nurl = https://x/\nkey = " KEY "\nkeys = " KEY "\n",
        "[a]\nurl = https://x/\nkeys = ,\n",
        "[a]\nurl = file:///etc/passwd\n",
        "[a]\nurl = gopher://x/\n",
        "[a]\nurl = x y\n",
        "[a]\nurl = https://x/\nkey = " KEY "\nlabel = x\n",
        "[a b]\nurl = https://x/\n",
        "[a]\nurl = https://x/\nchat_id = sales\n",
        "[a]\nurl = smtps://x/\nfrom = nobody\n",
        "[a]\nurl = smtps://x/\nto = a@b, Bob <b@c>\n",
        "[a]\nurl = smtps://x/\nuser = u\n",
        "[a]\nurl = smtps://x/\npassword = secretword\n",
        "[a]\nurl = smtp://x/\nuser = u\npassword = secretword\nstarttls = no\n",
        "[a]\nurl = smtp://x/\nstarttls = maybe\n",
        "[a]\nurl = smtp://u:secretword@x/\n",
        "[a]\nurl = https://x/\nrouting_key = a\"b\n",
        "[a]\nurl = https://x/\nrouting_key = aaa\nrouting_key = aaa\n",
        "url = https://x/\n",
        "[a]\nurl = https://x/\nkeys = " KEY " " KEY " " KEY " " KEY " " KEY "\n",
    };
    static const mode_t open_modes[] = {0601, 0602, 0604, 0610, 0620, 0640, 0666};
    struct Secrets secrets = {NULL};
    struct Problem problem;

    (void) state;
    assert_int_equal(read_text(&secrets, "[kept]\nurl = https://x/\n", &problem), STATUS_OK);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_int_equal(read_text(&secrets, bad[i], &problem), STATUS_INVALID);
        assert_non_null(secrets_find(&secrets, "kept"));
        assert_null(strstr(problem.text, KEY));
        assert_null(strstr(problem.text, "secretword"));
    }
    for (size_t i = 0; i < sizeof open_modes / sizeof open_modes[0]; i++) {
        chmod(path, open_modes[i]);
        assert_int_equal(secrets_read(&secrets, path, &problem), STATUS_INVALID);
        assert_non_null(strstr(problem.text, "can be read by others"));
    }
    chmod(path, 0600);
    assert_int_equal(secrets_read(&secrets, "/tmp", &problem), STATUS_INVALID);
    assert_int_equal(secrets_read(&secrets, "/nowhere/x", &problem), STATUS_MISSING);
    secrets_free(&secrets);
}

static void
test_mail(void **state)
{
    struct Secrets secrets = {NULL};
    struct Problem problem;
    const struct Secret *secret;

    (void) state;
    assert_int_equal(
        read_text(&secrets,
                  "[m]\nurl = smtps://mail.example:465\nfrom = Sales alerts <alerts@crm.example>\n"
                  "to = anna@crm.example, ben@crm.example\nuser = alerts\npassword = se;cret word\n"
                  "[n]\nurl = smtp://127.0.0.1\nstarttls = no\nfrom = a@b.example\n"
                  "[t]\nurl = https://t.example/bot1:x/sendMessage\nchat_id = -1001\n[w]\nurl = https://w/\n",
                  &problem),
        STATUS_OK);
    secret = secrets_find(&secrets, "m");
    assert_string_equal(secret->people.from, "alerts@crm.example");
    assert_string_equal(secret->people.from_name, "Sales alerts");
    assert_int_equal(secret->people.to_count, 2);
    assert_string_equal(secret->people.to[1], "ben@crm.example");
    assert_string_equal(secret->password, "se;cret word");
    assert_false(secret->no_starttls);
    assert_null(secrets_lacks(secret, "email"));
    assert_string_equal(secrets_lacks(secret, "slack"), "https url");
    assert_true(secrets_find(&secrets, "n")->no_starttls);
    assert_string_equal(secrets_lacks(secrets_find(&secrets, "n"), "email"), "to");
    assert_string_equal(secrets_lacks(secrets_find(&secrets, "w"), "email"), "smtps or smtp url");
    assert_string_equal(secrets_lacks(secrets_find(&secrets, "w"), "webhook"), "key to sign with");
    assert_string_equal(secrets_lacks(secrets_find(&secrets, "w"), "pagerduty"), "routing_key");
    assert_string_equal(secrets_lacks(secrets_find(&secrets, "w"), "telegram"), "chat_id");
    assert_null(secrets_lacks(secrets_find(&secrets, "t"), "telegram"));
    secrets_free(&secrets);
}

static void
assert_redacted(const struct Secrets *secrets, const char *text, const char *expected)
{
    char copy[200];

    snprintf(copy, sizeof copy, "%s", text);
    redact_secrets(secrets, copy);
    assert_string_equal(copy, expected);
}

static void
test_redacted(void **state)
{
    struct Secrets secrets = {NULL};
    struct Secrets fresh = {0};
    struct Problem problem;

    (void) state;
    assert_int_equal(read_text(&secrets,
                               "[a]\nurl = https://a.example/services/T1?x=2\nkeys = " KEY " " OTHER_KEY "\n"
                               "[short]\nurl = https://b.example/in\n[none]\nurl = "
                               "https://c.example\nrouting_key = R0123456789\n",
                               &problem),
                     STATUS_OK);
    assert_redacted(&secrets, "no /services/T1?x=2, no /services/T1?x=2",
                    "no ****************, no ****************");
    assert_redacted(&secrets, "a.example says /in", "a.example says /in");
    assert_redacted(&secrets, OTHER_KEY "!", "******************************!");
    assert_redacted(&secrets, "key R0123456789 unknown", "key *********** unknown");
    assert_redacted(&secrets, "", "");

    /* what was replaced is hidden for a while, and then forgotten when the next comes */
    assert_int_equal(read_text(&fresh, "[a]\nurl = https://a.example/services/T2\nkey = " KEY "\n", &problem),
                     STATUS_OK);
    secrets_replace(&secrets, &fresh, 10000, 5000);
    assert_null(fresh.first);
    assert_string_equal(secrets_find(&secrets, "a")->url, "https://a.example/services/T2");
    assert_null(secrets_find(&secrets, "b"));
    assert_redacted(&secrets, OTHER_KEY "!", "******************************!");
    assert_redacted(&secrets, "/services/T2", "************");
    assert_int_equal(read_text(&fresh, "[a]\nurl = https://a.example/services/T3\nkey = " KEY "\n", &problem),
                     STATUS_OK);
    secrets_replace(&secrets, &fresh, 14000, 5000);
    assert_redacted(&secrets, OTHER_KEY "!", "******************************!");
    assert_int_equal(read_text(&fresh, "[a]\nurl = https://a.example/services/T4\nkey = " KEY "\n", &problem),
                     STATUS_OK);
    secrets_replace(&secrets, &fresh, 20000, 5000);
    assert_redacted(&secrets, OTHER_KEY "!", OTHER_KEY "!");
    assert_redacted(&secrets, "/services/T3", "************");
    assert_redacted(&secrets, "/services/T4", "************");
    secrets_free(&secrets);
}

static void
test_mail_redacted(void **state)
{
    struct Secrets secrets = {NULL};
    struct Problem problem;

    (void) state;
    assert_int_equal(
        read_text(&secrets,
                  "[m]\nurl = smtps://mail.example:465\nfrom = alerts@crm.example\nto = anna@crm.example\n"
                  "user = alerts\npassword = Tr0ub4dor\n[t]\nurl = https://t.example\nchat_id = -1001234\n",
                  &problem),
        STATUS_OK);
    assert_redacted(&secrets, "550 <ANNA@crm.example>: no such user", "550 <****************>: no such user");
    assert_redacted(&secrets, "535 alerts/Tr0ub4dor", "535 ******/*********");
    assert_redacted(&secrets, "chat -1001234 not found", "chat ******** not found");
    /* base64 of both with NULs in front, of each alone */
    assert_redacted(&secrets, "AUTH PLAIN AGFsZXJ0cwBUcjB1YjRkb3I=", "AUTH PLAIN ************************");
    assert_redacted(&secrets, "YWxlcnRz VHIwdWI0ZG9y", "******** ************");
    secrets_free(&secrets);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_found),    cmocka_unit_test(test_refused),       cmocka_unit_test(test_mail),
        cmocka_unit_test(test_redacted), cmocka_unit_test(test_mail_redacted),
    };

    return cmocka_run_group_tests_name("secrets", tests, make_file, remove_file);
}
