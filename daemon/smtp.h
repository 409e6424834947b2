/*
 * smtp.h: the part of SMTP that hands a message over: sender, each receiver, the message, goodbye. And how a server's replies are read.
 *
 * Whoever connects, encrypts and logs in does that elsewhere (mail.c has libcurl do it), and carries bytes to and fro. Every receiver
 * has to be taken, or nobody gets the message: so a retry reaches nobody twice. Pure.
 */
#ifndef CRMD_SMTP_H
#define CRMD_SMTP_H

#include <stdbool.h>
#include <stddef.h>

#define SMTP_TEXT_MAX 512
#define SMTP_READ_MAX (64 * 1024)

enum SmtpTaken { SMTP_MORE, SMTP_WHOLE, SMTP_BAD };

/* A reply as far as it was read. What a server offers stands in its reply to EHLO. */
struct SmtpReply {
    int code;
    bool starttls, auth, auth_plain; /* offered: TLS; logging in; by PLAIN or LOGIN */
    char text[SMTP_TEXT_MAX + 1];    /* its lines with spaces between, cut */

    /* the reader's own */
    bool over;
    char line[SMTP_TEXT_MAX + 1];
    size_t line_length, read;
};

/* Takes some of the bytes, up to the end of a reply, and says how many; the next call begins the next reply. */
enum SmtpTaken smtp_reply_take(struct SmtpReply *reply, const char *bytes, size_t length, size_t *taken);

struct SmtpTalk {
    const char *from;
    char *const *to;
    size_t to_count;
    const char *letter; /* with its final point */

    int code;         /* of the reply that decided; 0: none did */
    bool accepted;    /* the message was taken for everybody */
    bool handed_over; /* its last byte has left: it may have arrived */
    char error[SMTP_TEXT_MAX + 64];

    /* the module's own */
    int stage;
    size_t receiver;
    char command[320];
    const char *out;
    size_t out_length;
    struct SmtpReply reply;
};

/* from, to and letter are kept by the caller until the talk is over. */
void smtp_begin(struct SmtpTalk *talk, const char *from, char *const *to, size_t to_count,
                const char *letter);

/* What is to be sent now; with length 0 the server has the word. */
const char *smtp_out(const struct SmtpTalk *talk, size_t *length);
void smtp_sent(struct SmtpTalk *talk, size_t length);

/* Takes what the server said. True: it is decided, and smtp_out has what is left to say. */
bool smtp_take(struct SmtpTalk *talk, const char *bytes, size_t length);

#endif
