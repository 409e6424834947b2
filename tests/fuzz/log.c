// links: daemon/log.c daemon/clock.c daemon/utf8.c
/* Log lines: one line whatever stands in them, within their size; those of JSON are JSON. */
#include <jansson.h>

#include "fuzz.h"
#include "log.h"

TARGET(log)
{
    struct Input input = {data, size};
    int64_t number = (int64_t) take_number(&input, 8);
    size_t room = 200 + take_number(&input, 2) % LOG_LINE_MAX;
    char *first = take_text(&input, 5000, NULL), *second = take_text(&input, 5000, NULL),
         *line = malloc(room);
    const struct LogField *fields =
        LOG_FIELDS(LOG_TEXT("error", first), LOG_NUMBER("status", number), LOG_TEXT("detail", second));
    size_t length;
    json_t *read;

    CHECK(line != NULL);
    length = log_format(line, room, number & INT64_C(0xffffffffff), LOG_WARNING, "failed", fields);
    CHECK(length <= room && length > 0 && line[length - 1] == '\n' && !has_control(line, length - 1));
    length = log_format_json(line, room, number & INT64_C(0xffffffffff), LOG_WARNING, "failed", fields);
    CHECK(length <= room && length > 0 && line[length - 1] == '\n' && !has_control(line, length - 1));
    read = json_loadb(line, length, 0, NULL);
    CHECK(json_is_object(read));
    json_decref(read);
    free(first);
    free(second);
    free(line);
}
