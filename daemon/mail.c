#include "mail.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "clock.h"

/* Takes its connection out of the loop; it stays open. */
static void
stop_talking(struct MailTalk *mail)
{
    if (mail->fd >= 0)
        loop_unwatch(mail->multi.loop, mail->fd);
    mail->fd = -1;
}

void
mail_drop(struct MailTalk *mail)
{
    if (mail->request == NULL)
        return;
    stop_talking(mail);
    http_drop(mail->request);
    loop_timer_remove(mail->multi.loop, &mail->timer);
    multi_close(&mail->multi);
    mail->request = NULL;
}

/* Tells what became of it. What was handed over and not answered may have arrived. */
static void
finish(struct MailTalk *mail, long status, const char *text)
{
    struct HttpRequest *request = mail->request;
    struct HttpAnswer *answer = &request->answer;

    stop_talking(mail);
    answer->status = status;
    answer->sent = mail->talk.handed_over;
    if (text != answer->error)
        snprintf(answer->error, sizeof answer->error, "%.*s", (int) sizeof answer->error - 1, text);
    request->done(request->arg, answer);
}

static void
finish_talk(struct MailTalk *mail)
{
    size_t length, sent;
    const char *goodbye = smtp_out(&mail->talk, &length);

    if (length > 0) /* said, and not waited for */
        (void) curl_easy_send(mail->request->easy, goodbye, length, &sent);
    finish(mail, mail->talk.code, mail->talk.error);
}

static void on_ready(void *arg, int fd, uint32_t events);

static void
wait_for(struct MailTalk *mail, uint32_t events)
{
    if (loop_watch(mail->multi.loop, mail->fd, events, on_ready, mail) != STATUS_OK)
        finish(mail, 0, "the connection could not be watched");
}

/* Says and hears what can be without waiting. */
static void
go_on(struct MailTalk *mail)
{
    CURL *easy = mail->request->easy;

    while (true) {
        char heard[4096];
        size_t length, done = 0;
        const char *out = smtp_out(&mail->talk, &length);
        CURLcode code = length > 0 ? curl_easy_send(easy, out, length, &done)
                                   : curl_easy_recv(easy, heard, sizeof heard, &done);

        if (code == CURLE_AGAIN) {
            wait_for(mail, length > 0 ? LOOP_WRITE : LOOP_READ);
            return;
        }
        if (code != CURLE_OK || done == 0) {
            finish(mail, 0,
                   mail->talk.handed_over
                       ? "the connection ended before the message was answered: it may have arrived"
                       : "the connection ended before the message was handed over");
            return;
        }
        if (length > 0)
            smtp_sent(&mail->talk, done);
        else if (smtp_take(&mail->talk, heard, done)) {
            finish_talk(mail);
            return;
        }
    }
}

static void
on_ready(void *arg, int fd, uint32_t events)
{
    (void) fd;
    (void) events;
    go_on(arg);
}

/* Connected, encrypted and logged in; or not. */
static void
on_connected(struct MailTalk *mail, CURLcode code)
{
    struct HttpRequest *request = mail->request;
    struct HttpAnswer *answer = &request->answer;
    const char *too_late = http_too_late(request);
    curl_socket_t fd = CURL_SOCKET_BAD;

    if (code != CURLE_OK) {
        bool said_no = mail->login.over && mail->login.code >= 400 && mail->login.code <= 599;
        char why[SMTP_TEXT_MAX + 1];

        snprintf(why, sizeof why, "%s",
                 mail->refused[0] != '\0'            ? mail->refused
                 : said_no                           ? mail->login.text
                 : request->guard.refused[0] != '\0' ? request->guard.refused
                 : answer->error[0] != '\0'          ? answer->error
                                                     : curl_easy_strerror(code));
        finish(mail, mail->refused[0] == '\0' && said_no ? mail->login.code : 0, why);
        return;
    }
    if (too_late != NULL) {
        finish(mail, 0, too_late);
        return;
    }
    if (curl_easy_getinfo(request->easy, CURLINFO_ACTIVESOCKET, &fd) != CURLE_OK || fd == CURL_SOCKET_BAD) {
        finish(mail, 0, "the connection ended before the message was handed over");
        return;
    }
    mail->fd = fd;
    loop_timer_off(&mail->multi.timer);
    loop_timer_in(&mail->timer, mail->until_ms - clock_now_ms());
    smtp_begin(&mail->talk, mail->people->from, mail->people->to, mail->people->to_count, mail->letter);
    go_on(mail);
}

/* The library has gone on; the mail may be gone afterwards. */
static void
on_driven(void *arg)
{
    struct MailTalk *mail = arg;
    const CURLMsg *message;
    int rest;

    message = curl_multi_info_read(mail->multi.handle, &rest);
    if (message != NULL && message->msg == CURLMSG_DONE)
        on_connected(mail, message->data.result);
}

static void
on_due(void *arg)
{
    struct MailTalk *mail = arg;

    finish(mail, 0,
           mail->talk.handed_over ? "timeout: no answer to the message, it may have arrived"
                                  : "timeout before the message was handed over");
}

/* What the server says before the talk, line by line. 0 ends it: nothing has been sent yet, a password neither. */
static size_t
take_login(char *data, size_t size, size_t count, void *arg)
{
    struct MailTalk *mail = arg;
    size_t length = size * count, taken;
    enum SmtpTaken what = smtp_reply_take(&mail->login, data, length, &taken);
    const struct SmtpReply *reply = &mail->login;

    if (what == SMTP_BAD || mail->replies > 20)
        snprintf(mail->refused, sizeof mail->refused, "what the server said is no SMTP");
    else if (what == SMTP_WHOLE && reply->code < 400) {
        mail->replies++; /* the greeting, what it offers, and with STARTTLS its answer to that and what it offers then */
        if (mail->replies == 2 && mail->must_secure && !reply->starttls)
            snprintf(mail->refused, sizeof mail->refused,
                     "not sent: the server does not offer STARTTLS; use smtps://");
        else if (mail->replies == (mail->must_secure ? 4 : 2) && mail->must_log_in && !reply->auth_plain)
            snprintf(mail->refused, sizeof mail->refused,
                     "not sent: the server does not let anybody log in by PLAIN or LOGIN");
    }
    return mail->refused[0] == '\0' ? length : 0;
}

/* Sets one option; after the first refusal the others are skipped. */
#define SET(option, value) (code = code != CURLE_OK ? code : curl_easy_setopt(request->easy, option, value))

static CURLcode
set_options(struct MailTalk *mail, struct HttpRequest *request, const struct Secret *secret)
{
    CURLcode code = CURLE_OK;

    SET(CURLOPT_PROTOCOLS_STR, "smtp,smtps");
    SET(CURLOPT_CONNECT_ONLY, 1L);
    SET(CURLOPT_USE_SSL, mail->must_secure ? (long) CURLUSESSL_ALL : (long) CURLUSESSL_NONE);
    if (secret->user != NULL) {
        SET(CURLOPT_USERNAME, secret->user);
        SET(CURLOPT_PASSWORD, secret->password);
        SET(CURLOPT_LOGIN_OPTIONS, "AUTH=PLAIN;AUTH=LOGIN"); /* others would ask Kerberos or are weaker */
    }
    SET(CURLOPT_HEADERFUNCTION, take_login);
    SET(CURLOPT_HEADERDATA, mail);
    return code;
}

enum Status
mail_send(struct Http *http, struct MailTalk *mail, struct HttpRequest *request, const struct Secret *secret,
          const struct LetterPeople *people, const char *letter)
{
    bool implicit = strncasecmp(secret->url, "smtps:", 6) == 0;
    enum Status status = http_begin(http, request, secret->url, !implicit && secret->no_starttls);

    memset(mail, 0, sizeof *mail);
    mail->request = request;
    mail->people = people;
    mail->letter = letter;
    mail->fd = -1;
    mail->must_secure = !implicit && !secret->no_starttls;
    mail->must_log_in = secret->user != NULL;
    mail->until_ms = clock_now_ms() + http->timeout_ms;
    mail->timer.due = on_due;
    mail->timer.arg = mail;
    loop_timer_add(http->multi.loop, &mail->timer);
    if (multi_open(&mail->multi, http->multi.loop, on_driven, mail) != STATUS_OK && status == STATUS_OK)
        status = STATUS_SYSTEM;
    request->multi = mail->multi.handle;
    if (status == STATUS_OK && set_options(mail, request, secret) != CURLE_OK)
        status = STATUS_SYSTEM;
    return status == STATUS_OK ? http_start(request) : status;
}
