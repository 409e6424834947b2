/*
 * log.h: one line for each thing that happened, to standard error, as key=value or as JSON.
 *
 *     time=2026-03-01T09:30:00.123Z level=info event=delivered endpoint=deals status=200
 *     {"time":"2026-03-01T09:30:00.123Z","level":"info","event":"delivered","endpoint":"deals","status":200}
 *
 * A value with anything but plain characters is quoted; quotes, backslashes and control characters are escaped, so
 * that nothing that a receiver or a server sends can forge a line. Lines have at most LOG_LINE_MAX bytes: one of key=value is cut there,
 * in one of JSON the value that does not fit is cut and the line stays whole. Secrets are not
 * known here: callers pass text through redact_secrets() first where it may hold one.
 */
#ifndef CRMD_LOG_H
#define CRMD_LOG_H

#include <stddef.h>
#include <stdint.h>

#define LOG_LINE_MAX 2048

enum LogFormat { LOG_LOGFMT, LOG_JSON };
enum LogLevel { LOG_DEBUG, LOG_INFO, LOG_WARNING, LOG_ERROR };

struct LogField {
    const char *key; /* NULL ends the list */
    const char *text;
    int64_t number; /* where text is NULL */
};

static inline const char *
log_text(const char *text)
{
    return text != NULL ? text : "";
}

#define LOG_TEXT(k, v)                                                                                       \
    {                                                                                                        \
        .key = (k), .text = log_text(v)                                                                      \
    }
#define LOG_NUMBER(k, v)                                                                                     \
    {                                                                                                        \
        .key = (k), .number = (int64_t) (v)                                                                  \
    }
#define LOG_FIELDS(...) ((const struct LogField[]){__VA_ARGS__, {.key = NULL}})

#define log_debug(event, ...) log_write(LOG_DEBUG, event, LOG_FIELDS(__VA_ARGS__))
#define log_info(event, ...) log_write(LOG_INFO, event, LOG_FIELDS(__VA_ARGS__))
#define log_warning(event, ...) log_write(LOG_WARNING, event, LOG_FIELDS(__VA_ARGS__))
#define log_error(event, ...) log_write(LOG_ERROR, event, LOG_FIELDS(__VA_ARGS__))

/* Lines below this level are not written. Level and format are the only state of this module. */
void log_set_level(enum LogLevel level);
void log_set_format(enum LogFormat format);

void log_write(enum LogLevel level, const char *event, const struct LogField *fields);

/* Pure: writes the line with its newline into buffer (not terminated beyond size) and returns its length. */
size_t log_format(char *buffer, size_t size, int64_t wall_ms, enum LogLevel level, const char *event,
                  const struct LogField *fields);

/* The same as JSON; what is no UTF-8 becomes U+FFFD. */
size_t log_format_json(char *buffer, size_t size, int64_t wall_ms, enum LogLevel level, const char *event,
                       const struct LogField *fields);

#endif
