/*
 * mail.h: sends e-mail, in the same loop and with the same guard of connections as http.h.
 *
 * libcurl resolves, connects, encrypts and logs in; then it hands the connection over (CONNECT_ONLY) and the rest is said by smtp.h.
 * libcurl would say that, too, but waits for the answer to the message, and to the goodbye, without letting anything else in the process
 * go on: 2 s where a server scans the message for so long, 120 s where one never says goodbye (seen with 7.88.1). Each message has a multi
 * of its own, or the next transfer to begin would look whether this connection is idle, and close it where an answer waits to be read.
 *
 * Encrypted from the start (smtps://) or by STARTTLS (smtp://), which a server must offer; certificates are verified. Only a section that
 * says starttls = no is sent to in the clear, then never with a password, and to this machine alone unless allow_http is on.
 * Each message has a connection of its own. The answer is as http.h has it, its status the code of the reply that decided.
 */
#ifndef CRMD_MAIL_H
#define CRMD_MAIL_H

#include <stdbool.h>
#include <stdint.h>

#include "http.h"
#include "secrets.h"
#include "smtp.h"

struct MailTalk {
    struct HttpRequest *request;
    struct SmtpReply login;
    struct SmtpTalk talk;
    const struct LetterPeople *people;
    const char *letter;
    bool must_secure, must_log_in;
    struct Multi multi;
    struct LoopTimer timer; /* of the talk */
    int replies;            /* before the talk */
    int fd;                 /* -1: not talking */
    int64_t until_ms;
    char refused[SMTP_TEXT_MAX + 1];
};

/*
 * Sends a letter (letter.h) to its people by the section's server; request->done is called once, later. Request, people and letter stay
 * until then or until mail_drop. On failure done is not called and mail_drop is still to be called.
 */
enum Status mail_send(struct Http *http, struct MailTalk *mail, struct HttpRequest *request,
                      const struct Secret *secret, const struct LetterPeople *people,
                      const char *letter) MUST_CHECK;

/* Frees what it holds, the request's part too; ends it where it is still under way, without calling done. Nothing to do where mail_send was not called. */
void mail_drop(struct MailTalk *mail);

#endif
