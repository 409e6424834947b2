#include "smtp.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

enum { STAGE_FROM, STAGE_TO, STAGE_DATA, STAGE_LETTER, STAGE_OVER };

/* One of the words after a keyword of EHLO. */
static bool
has_word(const char *words, const char *word)
{
    size_t length = strlen(word);

    for (words += strspn(words, " "); *words != '\0';
         words += strcspn(words, " "), words += strspn(words, " "))
        if (strncasecmp(words, word, length) == 0 && (words[length] == ' ' || words[length] == '\0'))
            return true;
    return false;
}

static bool
take_line(struct SmtpReply *reply)
{
    const char *line = reply->line;
    size_t used;

    for (int i = 0; i < 3; i++)
        if (line[i] < '0' || line[i] > '9')
            return false;
    if (line[3] != '-' && line[3] != ' ' && line[3] != '\0')
        return false;
    reply->code = (line[0] - '0') * 100 + (line[1] - '0') * 10 + (line[2] - '0');
    reply->over = line[3] != '-';
    if (line[3] != '\0' && has_word(line + 4, "STARTTLS"))
        reply->starttls = true;
    if (line[3] != '\0' && strncasecmp(line + 4, "AUTH ", 5) == 0) {
        reply->auth = true;
        reply->auth_plain = has_word(line + 9, "PLAIN") || has_word(line + 9, "LOGIN");
    }
    used = strlen(reply->text);
    snprintf(reply->text + used, sizeof reply->text - used, "%s%.*s", used > 0 ? " " : "",
             (int) (sizeof reply->text - used), line);
    return true;
}

enum SmtpTaken
smtp_reply_take(struct SmtpReply *reply, const char *bytes, size_t length, size_t *taken)
{
    if (reply->over || reply->read == 0)
        memset(reply, 0, sizeof *reply);
    for (*taken = 0; *taken < length;) {
        char c = bytes[(*taken)++];

        if (++reply->read > SMTP_READ_MAX)
            return SMTP_BAD;
        if (c != '\n') {
            if (c != '\r' && c != '\0' && reply->line_length < SMTP_TEXT_MAX)
                reply->line[reply->line_length++] = c;
            continue;
        }
        reply->line[reply->line_length] = '\0';
        reply->line_length = 0;
        if (!take_line(reply))
            return SMTP_BAD;
        if (reply->over)
            return SMTP_WHOLE;
    }
    return SMTP_MORE;
}

static void
say(struct SmtpTalk *talk, const char *text)
{
    talk->out = text;
    talk->out_length = strlen(text);
}

void
smtp_begin(struct SmtpTalk *talk, const char *from, char *const *to, size_t to_count, const char *letter)
{
    memset(talk, 0, sizeof *talk);
    talk->from = from;
    talk->to = to;
    talk->to_count = to_count;
    talk->letter = letter;
    snprintf(talk->command, sizeof talk->command, "MAIL FROM:<%s>\r\n", from);
    say(talk, talk->command);
}

const char *
smtp_out(const struct SmtpTalk *talk, size_t *length)
{
    *length = talk->out_length;
    return talk->out;
}

void
smtp_sent(struct SmtpTalk *talk, size_t length)
{
    talk->out += length;
    talk->out_length -= length;
    if (talk->out_length == 0 && talk->stage == STAGE_LETTER)
        talk->handed_over = true;
}

static void
decide(struct SmtpTalk *talk, bool accepted)
{
    const struct SmtpReply *reply = &talk->reply;

    /* a code that is no answer to what was asked decides nothing */
    talk->code = accepted || (reply->code >= 400 && reply->code <= 599) ? reply->code : 0;
    talk->accepted = accepted;
    if (accepted)
        talk->error[0] = '\0';
    else if (talk->stage == STAGE_TO)
        snprintf(talk->error, sizeof talk->error, "receiver %zu of %zu: %s", talk->receiver + 1,
                 talk->to_count, reply->text);
    else
        snprintf(talk->error, sizeof talk->error, "%s", reply->text);
    talk->stage = STAGE_OVER;
    say(talk, "QUIT\r\n");
}

static void
answer(struct SmtpTalk *talk)
{
    int code = talk->reply.code;
    bool good = code >= 200 && code <= 299;

    if (talk->stage == STAGE_DATA)
        good = code == 354;
    if (!good || talk->stage == STAGE_LETTER) {
        decide(talk, good);
        return;
    }
    if (talk->stage == STAGE_TO)
        talk->receiver++;
    if (talk->stage == STAGE_DATA) {
        talk->stage = STAGE_LETTER;
        say(talk, talk->letter);
    } else if (talk->receiver < talk->to_count) {
        talk->stage = STAGE_TO;
        snprintf(talk->command, sizeof talk->command, "RCPT TO:<%s>\r\n", talk->to[talk->receiver]);
        say(talk, talk->command);
    } else {
        talk->stage = STAGE_DATA;
        say(talk, "DATA\r\n");
    }
}

bool
smtp_take(struct SmtpTalk *talk, const char *bytes, size_t length)
{
    while (length > 0 && talk->stage != STAGE_OVER) {
        size_t taken;
        enum SmtpTaken what;

        if (talk->out_length > 0) { /* it spoke before it was asked */
            talk->stage = STAGE_OVER;
            snprintf(talk->error, sizeof talk->error, "the server spoke out of turn");
            break;
        }
        what = smtp_reply_take(&talk->reply, bytes, length, &taken);
        bytes += taken;
        length -= taken;
        if (what == SMTP_BAD) {
            talk->stage = STAGE_OVER;
            snprintf(talk->error, sizeof talk->error, "what the server said is no SMTP");
        } else if (what == SMTP_WHOLE)
            answer(talk);
    }
    return talk->stage == STAGE_OVER;
}
