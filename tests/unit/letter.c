// links: daemon/letter.c daemon/status.c
/* E-mails as servers take them: by hand, byte for byte; and what is no address or no message. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "letter.h"

#define BODY "References: <alert-12.1f@{domain}>\r\nDate: x\r\n\r\n"

static struct LetterPeople
people(const char *from, const char *to)
{
    struct LetterPeople made = {NULL};
    struct Problem problem;

    assert_int_equal(letter_read_from(&made, from, &problem), STATUS_OK);
    assert_int_equal(letter_read_to(&made, to, &problem), STATUS_OK);
    return made;
}

static void
forget(struct LetterPeople *made)
{
    letter_forget_from(made);
    letter_forget_to(made);
}

static void
test_whole(void **state)
{
    struct LetterPeople made = people("Sales alerts <alerts@crm.example>", "anna@x.example, ben@y.example");
    struct Problem problem;
    char *letter;

    (void) state;
    assert_int_equal(letter_write(&made, "sales.desk_1", "msg_1", BODY ".\r\n..x\r\ny", &letter, &problem),
                     STATUS_OK);
    assert_string_equal(letter, "From: \"Sales alerts\"\r\n <alerts@crm.example>\r\n"
                                "To: anna@x.example,\r\n ben@y.example\r\n"
                                "Message-ID: <msg_1@crm.example>\r\n"
                                "In-Reply-To: <alert-12.1f@crm.example>\r\n"
                                "References: <alert-12.1f@crm.example>\r\n"
                                "List-Id: <sales-desk-1.crm.crm.example>\r\n"
                                "Auto-Submitted: auto-generated\r\n"
                                "X-Auto-Response-Suppress: All\r\n"
                                "Date: x\r\n\r\n..\r\n...x\r\ny\r\n.\r\n");
    free(letter);
    forget(&made);
}

/* Whatever ended a line before, it ends in CR LF now: no server sees another message in this one. */
static void
test_line_ends(void **state)
{
    struct LetterPeople made = people("a@b.example", "c@d.example");
    struct Problem problem;
    char *letter;

    (void) state;
    assert_int_equal(letter_write(&made, "e", "m", BODY "a\n.\nb\r.\rc\r\n.\r\n\n.\r", &letter, &problem),
                     STATUS_OK);
    assert_string_equal(strstr(letter, "\r\n\r\n"),
                        "\r\n\r\na\r\n..\r\nb\r\n..\r\nc\r\n..\r\n\r\n..\r\n.\r\n");
    free(letter);
    forget(&made);
}

static void
check_from(const char *from, const char *expected)
{
    struct LetterPeople made = people(from, "c@d.example");
    struct Problem problem;
    char *letter, *end;

    assert_int_equal(letter_write(&made, "e", "m", BODY, &letter, &problem), STATUS_OK);
    end = strstr(letter, "To: ");
    *end = '\0';
    assert_string_equal(letter, expected);
    free(letter);
    forget(&made);
}

static void
test_names(void **state)
{
    (void) state;
    check_from("alerts@b.example", "From: <alerts@b.example>\r\n");
    check_from("  <alerts@b.example> ", "From: <alerts@b.example>\r\n");
    check_from("\"Doe, Jane\" <alerts@b.example>", "From: \"Doe, Jane\"\r\n <alerts@b.example>\r\n");
    check_from("Gesti\xc3\xb3n <alerts@b.example>",
               "From: =?UTF-8?B?R2VzdGnDs24=?=\r\n <alerts@b.example>\r\n");
    check_from("=?x <alerts@b.example>", "From: =?UTF-8?B?PT94?=\r\n <alerts@b.example>\r\n");
    /* 38 letters and one of two bytes: it moves on whole */
    check_from("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\xc3\xb1 <alerts@b.example>",
               "From: =?UTF-8?B?YWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWE=?=\r\n"
               " =?UTF-8?B?w7E=?=\r\n <alerts@b.example>\r\n");
}

static void
test_no_addresses(void **state)
{
    static const char *const bad[] = {
        "",
        "a",
        "@b.example",
        "a@",
        "a@b..example",
        "a@-b.example",
        "a@b-.example",
        "a@.example",
        "a@b.example.",
        ".a@b.example",
        "a.@b.example",
        "a..b@b.example",
        "a b@b.example",
        "a\r\n@b.example",
        "a@b.example\r\nBcc: x@y.example",
        "a@b.example>",
        "x\"y <a@b.example>",
        "x\ny <a@b.example>",
        "x\\y <a@b.example>",
        "<x> <a@b.example>",
        "a@[127.0.0.1]",
        "\xc3\xb1@b.example",
        "a@\xc3\xb1.example",
        "a@b@c d.example",
        "<a@b.example",
        "a,b@b.example",
        "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa@b.example",
    };
    struct LetterPeople made = {NULL};
    struct Problem problem;
    char many[51 * 4 + 1];

    (void) state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_int_equal(letter_read_from(&made, bad[i], &problem), STATUS_INVALID);
    assert_null(made.from);
    assert_int_equal(letter_read_to(&made, "a@b.example, ;", &problem), STATUS_INVALID);
    assert_int_equal(letter_read_to(&made, " , ", &problem), STATUS_INVALID);
    assert_int_equal(letter_read_to(&made, "a@b.example Ben <c@d.example>", &problem), STATUS_INVALID);
    for (int i = 0; i < 51; i++)
        memcpy(many + i * 4, "a@b ", 4);
    many[51 * 4] = '\0';
    assert_int_equal(letter_read_to(&made, many, &problem), STATUS_INVALID);
    many[50 * 4] = '\0';
    assert_int_equal(letter_read_to(&made, many, &problem), STATUS_OK);
    assert_int_equal(made.to_count, 50);
    forget(&made);
}

static void
test_no_messages(void **state)
{
    static const char *const bad[] = {
        "",
        "{}",
        "Subject: x\r\n",
        "References: <@{domain}>\r\nDate: x\r\n",
        "References: <a@b.example>\r\nDate: x\r\n",
        "References: <a\r\nBcc: x@{domain}>\r\nDate: x\r\n",
        "References: <a@{domain}>\nDate: x\r\n",
        "references: <a@{domain}>\r\n",
        BODY "\xc3\xb1",
        BODY "\x01",
        BODY "\x7f",
    };
    struct LetterPeople made = people("a@b.example", "c@d.example");
    struct Problem problem;
    char *letter, line[sizeof BODY + 999];

    (void) state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_int_equal(letter_write(&made, "e", "m", bad[i], &letter, &problem), STATUS_INVALID);
        assert_null(letter);
    }
    memcpy(line, BODY, sizeof BODY - 1);
    memset(line + sizeof BODY - 1, 'x', 999);
    line[sizeof BODY - 1 + 999] = '\0';
    assert_int_equal(letter_write(&made, "e", "m", line, &letter, &problem), STATUS_INVALID);
    line[sizeof BODY - 1 + 998] = '\0';
    assert_int_equal(letter_write(&made, "e", "m", line, &letter, &problem), STATUS_OK);
    free(letter);
    forget(&made);
}

static void
test_copy(void **state)
{
    struct LetterPeople made = people("A <a@b.example>", "c@d.example e@f.example"), copy;

    (void) state;
    assert_int_equal(letter_copy_people(&copy, &made), STATUS_OK);
    forget(&made);
    assert_string_equal(copy.from, "a@b.example");
    assert_string_equal(copy.from_name, "A");
    assert_int_equal(copy.to_count, 2);
    assert_string_equal(copy.to[1], "e@f.example");
    forget(&copy);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_whole),        cmocka_unit_test(test_line_ends),   cmocka_unit_test(test_names),
        cmocka_unit_test(test_no_addresses), cmocka_unit_test(test_no_messages), cmocka_unit_test(test_copy),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
