// links: daemon/smtp.c
/* Handing a message over: what is said, and what each reply at each stage makes of it, in pieces of every size. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "smtp.h"

#define LETTER "Subject: x\r\n\r\n..\r\n.\r\n"

static char *const two[] = {(char *) (uintptr_t) "c@d.example", (char *) (uintptr_t) "e@f.example"};

/* Everything that is to be said, step bytes at a time, is appended to said. */
static void
speak(struct SmtpTalk *talk, size_t step, char *said)
{
    const char *out;
    size_t length;

    while (out = smtp_out(talk, &length), length > 0) {
        if (length > step)
            length = step;
        strncat(said, out, length);
        smtp_sent(talk, length);
    }
}

/* A whole talk, the server's replies in order; true where it was decided. */
static bool
hold(struct SmtpTalk *talk, size_t step, const char *const *replies, char *said)
{
    bool over = false;

    said[0] = '\0';
    smtp_begin(talk, "a@b.example", two, 2, LETTER);
    for (speak(talk, step, said); *replies != NULL && !over; replies++) {
        for (size_t at = 0, length = strlen(*replies); at < length && !over; at += step)
            over = smtp_take(talk, *replies + at, length - at < step ? length - at : step);
        speak(talk, step, said);
    }
    return over;
}

static void
test_taken(void **state)
{
    static const char *const replies[] = {"250 ok\r\n",
                                          "250 2.1.5 ok\r\n",
                                          "251-will\r\n251 forward\r\n",
                                          "354 go on\r\n",
                                          "250-2.0.0 Ok:\r\n250 queued as 17\r\n",
                                          NULL};
    static const size_t steps[] = {1, 2, 7, 1000};
    struct SmtpTalk talk;
    char said[600];

    (void) state;
    for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++) {
        assert_true(hold(&talk, steps[i], replies, said));
        assert_string_equal(
            said,
            "MAIL FROM:<a@b.example>\r\nRCPT TO:<c@d.example>\r\nRCPT TO:<e@f.example>\r\nDATA\r\n" LETTER
            "QUIT\r\n");
        assert_true(talk.accepted);
        assert_true(talk.handed_over);
        assert_int_equal(talk.code, 250);
        assert_string_equal(talk.error, "");
    }
}

/* One refusal is for all: nobody gets it, and a retry reaches nobody twice. */
static void
check_refused(const char *const *replies, int code, bool handed_over, const char *error, const char *last)
{
    struct SmtpTalk talk;
    char said[600];

    assert_true(hold(&talk, 5, replies, said));
    assert_false(talk.accepted);
    assert_int_equal(talk.code, code);
    assert_int_equal(talk.handed_over, handed_over);
    assert_string_equal(talk.error, error);
    assert_string_equal(said + strlen(said) - strlen(last), last);
}

static void
test_refused(void **state)
{
    (void) state;
    check_refused((const char *const[]){"530 5.7.0 log in first\r\n", NULL}, 530, false,
                  "530 5.7.0 log in first", "MAIL FROM:<a@b.example>\r\nQUIT\r\n");
    check_refused(
        (const char *const[]){"250 ok\r\n", "250 ok\r\n", "550-5.1.1 <e@f.example>\r\n550 unknown\r\n", NULL},
        550, false, "receiver 2 of 2: 550-5.1.1 <e@f.example> 550 unknown",
        "RCPT TO:<e@f.example>\r\nQUIT\r\n");
    check_refused((const char *const[]){"250 ok\r\n", "450 4.2.0 grey\r\n", NULL}, 450, false,
                  "receiver 1 of 2: 450 4.2.0 grey", "RCPT TO:<c@d.example>\r\nQUIT\r\n");
    check_refused(
        (const char *const[]){"250 \r\n", "250\r\n", "250 ok\r\n", "421 4.3.2 going down\r\n", NULL}, 421,
        false, "421 4.3.2 going down", "DATA\r\nQUIT\r\n");
    check_refused((const char *const[]){"250 ok\r\n", "250 ok\r\n", "250 ok\r\n", "354 go\r\n",
                                        "554 5.7.1 spam\r\n", NULL},
                  554, true, "554 5.7.1 spam", ".\r\nQUIT\r\n");
    /* a code that is no answer to what was asked decides nothing */
    check_refused((const char *const[]){"250 ok\r\n", "250 ok\r\n", "250 ok\r\n", "250 what\r\n", NULL}, 0,
                  false, "250 what", "DATA\r\nQUIT\r\n");
    check_refused(
        (const char *const[]){"250 ok\r\n", "250 ok\r\n", "250 ok\r\n", "354 go\r\n", "354 more\r\n", NULL},
        0, true, "354 more", ".\r\nQUIT\r\n");
}

static void
check_broken(const char *const *replies, bool handed_over, const char *error)
{
    struct SmtpTalk talk;
    char said[600];

    assert_true(hold(&talk, 1000, replies, said));
    assert_false(talk.accepted);
    assert_int_equal(talk.code, 0);
    assert_int_equal(talk.handed_over, handed_over);
    assert_string_equal(talk.error, error);
}

static void
test_broken(void **state)
{
    char *flood = malloc(70001);

    (void) state;
    check_broken((const char *const[]){"HTTP/1.1 200 OK\r\n", NULL}, false,
                 "what the server said is no SMTP");
    check_broken((const char *const[]){"25\r\n", NULL}, false, "what the server said is no SMTP");
    check_broken((const char *const[]){"250x\r\n", NULL}, false, "what the server said is no SMTP");
    check_broken((const char *const[]){"\r\n", NULL}, false, "what the server said is no SMTP");
    check_broken((const char *const[]){"250 ok\r\n250 ok\r\n", NULL}, false, "the server spoke out of turn");
    check_broken(
        (const char *const[]){"250 ok\r\n", "250 ok\r\n", "250 ok\r\n", "354 go\r\n", "\x01\x02\n", NULL},
        true, "what the server said is no SMTP");
    memset(flood, 'x', 70000);
    flood[70000] = '\0';
    check_broken((const char *const[]){flood, NULL}, false, "what the server said is no SMTP");
    free(flood);
}

static void
test_offers(void **state)
{
    static const char reply[] =
        "250-mail.example\r\n250-SIZE 1000\r\n250-starttls\r\n250-AUTH CRAM-MD5 LOGIN\r\n250 HELP\r\n";
    struct SmtpReply read = {0};
    size_t taken;

    (void) state;
    assert_int_equal(smtp_reply_take(&read, reply, 20, &taken), SMTP_MORE);
    assert_int_equal(smtp_reply_take(&read, reply + 20, strlen(reply) - 20, &taken), SMTP_WHOLE);
    assert_int_equal(read.code, 250);
    assert_true(read.starttls && read.auth && read.auth_plain);
    assert_string_equal(read.text,
                        "250-mail.example 250-SIZE 1000 250-starttls 250-AUTH CRAM-MD5 LOGIN 250 HELP");
    assert_int_equal(smtp_reply_take(&read, "250-AUTHX PLAIN\r\n250 AUTH PLAINER GSSAPI\r\n", 42, &taken),
                     SMTP_WHOLE);
    assert_true(!read.starttls && read.auth && !read.auth_plain);
    assert_int_equal(smtp_reply_take(&read, "220 hi\r\n354", 11, &taken), SMTP_WHOLE);
    assert_int_equal(taken, 8);
    assert_false(read.auth);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_taken),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_broken),
        cmocka_unit_test(test_offers),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
