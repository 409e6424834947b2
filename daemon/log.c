/*
 * log.c: a line is put together in one buffer and written by one write(2), so that lines of several daemons that share
 * a file do not mix.
 */
#include "log.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "clock.h"
#include "utf8.h"

static enum LogLevel least = LOG_INFO;
static enum LogFormat format_of_lines = LOG_LOGFMT;
static const char *const level_names[] = {"debug", "info", "warning", "error"};

/* Appends without ever passing the end; the last byte of the buffer stays free for the newline. */
struct Line {
    char *data;
    size_t length, room;
};

static void
append(struct Line *line, const char *text, size_t length)
{
    if (length > line->room - line->length)
        length = line->room - line->length;
    memcpy(line->data + line->length, text, length);
    line->length += length;
}

static void
append_text(struct Line *line, const char *text)
{
    append(line, text, strlen(text));
}

static bool
is_plain(unsigned char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           (c != '\0' && strchr("-_.:/+@,", c) != NULL);
}

static void
append_value(struct Line *line, const char *value)
{
    const char *c = value;
    char escaped[5];

    while (is_plain((unsigned char) *c))
        c++;
    if (*c == '\0' && c != value) {
        append_text(line, value);
        return;
    }
    append_text(line, "\"");
    for (c = value; *c != '\0'; c++) {
        if (*c == '"' || *c == '\\') {
            append(line, "\\", 1);
            append(line, c, 1);
        } else if (*c == '\n')
            append_text(line, "\\n");
        else if ((unsigned char) *c < 0x20 || *c == 0x7f) {
            snprintf(escaped, sizeof escaped, "\\x%02x", (unsigned) (unsigned char) *c);
            append_text(line, escaped);
        } else
            append(line, c, 1);
    }
    append_text(line, "\"");
}

static void
append_time(struct Line *line, int64_t wall_ms)
{
    time_t seconds = (time_t) (wall_ms / 1000);
    struct tm utc;
    char text[40];
    size_t length;

    gmtime_r(&seconds, &utc);
    length = strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", &utc);
    append(line, text, length);
    snprintf(text, sizeof text, ".%03dZ", (int) (wall_ms % 1000));
    append_text(line, text);
}

size_t
log_format(char *buffer, size_t size, int64_t wall_ms, enum LogLevel level, const char *event,
           const struct LogField *fields)
{
    struct Line line = {buffer, 0, size - 1};
    char number[24];

    append_text(&line, "time=");
    append_time(&line, wall_ms);
    append_text(&line, " level=");
    append_text(&line, level_names[level]);
    append_text(&line, " event=");
    append_value(&line, event);
    for (; fields->key != NULL; fields++) {
        append_text(&line, " ");
        append_text(&line, fields->key);
        append_text(&line, "=");
        if (fields->text != NULL)
            append_value(&line, fields->text);
        else {
            snprintf(number, sizeof number, "%" PRId64, fields->number);
            append_text(&line, number);
        }
    }
    line.data[line.length++] = '\n';
    return line.length;
}

/* As a JSON string that ends JSON_END bytes before the end of the line at the latest. */
#define JSON_END 4

static void
append_json_text(struct Line *line, const char *value)
{
    const unsigned char *c = (const unsigned char *) value;
    char escaped[8];
    size_t length;

    append(line, "\"", 1);
    for (; *c != '\0'; c += length) {
        const char *put = escaped;
        size_t put_length;

        length = utf8_length(c);
        if (length == 0) {
            length = 1;
            put = "\xef\xbf\xbd";
        } else if (*c == '"' || *c == '\\')
            snprintf(escaped, sizeof escaped, "\\%c", *c);
        else if (*c < 0x20 || *c == 0x7f)
            snprintf(escaped, sizeof escaped, "\\u%04x", *c);
        else {
            memcpy(escaped, c, length);
            escaped[length] = '\0';
        }
        put_length = strlen(put);
        if (line->length + put_length + JSON_END > line->room)
            break;
        append(line, put, put_length);
    }
    append(line, "\"", 1);
}

/* A field for which there is no room is left out whole. */
static void
append_json_field(struct Line *line, const struct LogField *field)
{
    char number[24];

    snprintf(number, sizeof number, "%" PRId64, field->number);
    if (line->length + strlen(field->key) + sizeof number + 8 + JSON_END > line->room)
        return;
    append_text(line, ",");
    append_json_text(line, field->key);
    append_text(line, ":");
    if (field->text != NULL)
        append_json_text(line, field->text);
    else
        append_text(line, number);
}

size_t
log_format_json(char *buffer, size_t size, int64_t wall_ms, enum LogLevel level, const char *event,
                const struct LogField *fields)
{
    struct Line line = {buffer, 0, size - 1};

    append_text(&line, "{\"time\":\"");
    append_time(&line, wall_ms);
    append_text(&line, "\",\"level\":\"");
    append_text(&line, level_names[level]);
    append_text(&line, "\",\"event\":");
    append_json_text(&line, event);
    for (; fields->key != NULL; fields++)
        append_json_field(&line, fields);
    append_text(&line, "}");
    line.data[line.length++] = '\n';
    return line.length;
}

void
log_set_format(enum LogFormat format)
{
    format_of_lines = format;
}

void
log_set_level(enum LogLevel level)
{
    least = level;
}

void
log_write(enum LogLevel level, const char *event, const struct LogField *fields)
{
    char buffer[LOG_LINE_MAX];
    size_t length;

    if (level < least)
        return;
    length = format_of_lines == LOG_JSON
                 ? log_format_json(buffer, sizeof buffer, clock_wall_ms(), level, event, fields)
                 : log_format(buffer, sizeof buffer, clock_wall_ms(), level, event, fields);
    if (write(STDERR_FILENO, buffer, length) < 0)
        return; /* nobody is left to be told */
}
