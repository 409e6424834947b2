// links: extension/alert/fit.c
/* Texts in messages: UTF-8 whatever came, no control characters, no longer than a receiver takes, nothing that means something to him. */
#include "fuzz.h"
#include "alert/fit.h"

static size_t
units(const char *text, size_t length)
{
    size_t count = 0;

    for (size_t i = 0; i < length; i++)
        count += ((unsigned char) text[i] & 0xC0) != 0x80 ? ((unsigned char) text[i] >= 0xF0 ? 2 : 1) : 0;
    return count;
}

TARGET(fit)
{
    struct Input input = {data, size};
    CrmFitStyle style = (CrmFitStyle) (take_number(&input, 1) % 5);
    size_t most = 4 + take_number(&input, 2) % 600, length;
    char *text = copy_bytes(input.data, input.size), *out = malloc(CRM_FIT_SIZE(input.size) + 3);

    CHECK(out != NULL);
    length = crm_fit(text, input.size, style, most, "...", out);
    CHECK(length < CRM_FIT_SIZE(input.size) + 3 && out[length] == '\0' && strlen(out) == length);
    CHECK(is_utf8(out, length) && !has_control(out, length));
    CHECK(units(out, length) <= most);
    CHECK(strstr(out, "\xe2\x80\xae") == NULL && strstr(out, "\xe2\x81\xa6") == NULL);
    if (style == CRM_FIT_SLACK || style == CRM_FIT_HTML || style == CRM_FIT_TELEGRAM)
        CHECK(strpbrk(out, "<>") == NULL);
    if (style == CRM_FIT_HTML || style == CRM_FIT_TELEGRAM)
        CHECK(strpbrk(out, "'\"") == NULL);
    free(text);
    free(out);
}
