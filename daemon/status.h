/*
 * status.h: how functions of the daemon tell their caller that something did not work.
 *
 * A function that can fail returns a Status and, where a person has to act, fills the Problem that it was given. It
 * does not log: who decides what happens next does that, once. Only main() ends the process.
 */
#ifndef CRMD_STATUS_H
#define CRMD_STATUS_H

#define MUST_CHECK __attribute__((warn_unused_result))

enum Status {
    STATUS_OK,
    STATUS_INVALID,  /* input or configuration that makes no sense */
    STATUS_MISSING,  /* what was asked for does not exist */
    STATUS_MEMORY,   /* no memory */
    STATUS_SYSTEM,   /* the operating system refused; the Problem has errno's text */
    STATUS_DATABASE, /* the server cannot be reached or refused */
};

/* One line for a person: what is wrong and what to do. Cut where it does not fit. */
struct Problem {
    char text[512];
};

void problem_set(struct Problem *problem, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
