// links: daemon/smtp.c
/* A mail server's answers: the same whether they come at once or byte by byte; a talk ends, and never accepts what was refused. */
#include "fuzz.h"
#include "smtp.h"

static char *const people[] = {(char *) "b@example.com", (char *) "c@example.com"};

/* Feeds the bytes in pieces; what the talk has come to. */
static struct SmtpTalk
talk(const char *bytes, size_t length, size_t piece)
{
    struct SmtpTalk talk = {0};
    bool decided = false;

    smtp_begin(&talk, "a@example.com", people, 2, "Subject: x\r\n\r\ny\r\n.\r\n");
    for (size_t at = 0; at < length && !decided;) {
        size_t out, step = length - at < piece ? length - at : piece;

        for (int sends = 0; sends < 10; sends++) {
            const char *said = smtp_out(&talk, &out);

            if (out == 0)
                break;
            CHECK(said != NULL && out <= 400);
            smtp_sent(&talk, out);
        }
        decided = smtp_take(&talk, bytes + at, step);
        at += step;
    }
    CHECK(memchr(talk.error, '\0', sizeof talk.error) != NULL);
    CHECK(!talk.accepted || talk.handed_over);
    CHECK(talk.code == 0 || (talk.code >= 200 && talk.code <= 599) || !talk.accepted);
    return talk;
}

TARGET(smtp)
{
    char *bytes = copy_bytes(data, size);
    struct SmtpReply whole = {0}, slow = {0};
    size_t taken = 0, at = 0, step;
    enum SmtpTaken first = smtp_reply_take(&whole, bytes, size, &taken), last = SMTP_MORE;
    struct SmtpTalk all, each;

    CHECK(taken <= size);
    while (at < size && last == SMTP_MORE) {
        last = smtp_reply_take(&slow, bytes + at, 1, &step);
        CHECK(step <= 1);
        if (step == 0 && last == SMTP_MORE)
            break;
        at += step;
    }
    if (size > 0) {
        CHECK(first == last && (first != SMTP_WHOLE || (at == taken && whole.code == slow.code &&
                                                        strcmp(whole.text, slow.text) == 0)));
        CHECK(whole.starttls == slow.starttls && whole.auth == slow.auth &&
              whole.auth_plain == slow.auth_plain);
    }
    all = talk(bytes, size, size > 0 ? size : 1);
    each = talk(bytes, size, 1);
    (void) all;
    (void) each;
    free(bytes);
}
