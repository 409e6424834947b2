// links: extension/customer/email_syntax.c
/* E-mail addresses: the canonical form reads as itself, equal ones fold to the same bytes and have one key. */
#include "fuzz.h"
#include "customer/email_syntax.h"

TARGET(email)
{
    bool utf8 = size > 0 && data[0] & 1;
    size_t length = size > 0 ? size - 1 : 0, kept_length, again_length, key_length, upper_key_length;
    char *bytes = copy_bytes(size > 0 ? data + 1 : data, length), *address, *folded;
    char kept[EMAIL_MAX_LENGTH], again[EMAIL_MAX_LENGTH], key[EMAIL_MAX_LENGTH], upper_key[EMAIL_MAX_LENGTH];
    EmailFault fault = email_syntax_parse(bytes, length, utf8, kept, &kept_length);

    if (fault != EMAIL_OK)
        CHECK(email_syntax_fault(fault) != NULL);
    else {
        CHECK(kept_length >= 5 && kept_length <= EMAIL_MAX_LENGTH && kept_length <= length);
        CHECK(!has_control(kept, kept_length));
        CHECK(!utf8 || is_utf8(kept, kept_length) || !is_utf8(bytes, length));
        CHECK(email_syntax_parse(kept, kept_length, utf8, again, &again_length) == EMAIL_OK);
        CHECK(again_length == kept_length && memcmp(again, kept, kept_length) == 0);
        address = copy_bytes(kept, kept_length);
        folded = malloc(kept_length);
        CHECK(folded != NULL && email_syntax_at(address, kept_length) < kept_length &&
              address[email_syntax_at(address, kept_length)] == '@');
        email_syntax_fold(address, kept_length, folded);
        CHECK(email_syntax_compare(address, kept_length, folded, kept_length) == 0);
        key_length = email_syntax_match_key(address, kept_length, key);
        CHECK(key_length > 0 && key_length <= EMAIL_MAX_LENGTH);
        for (size_t i = 0; address[i] != '@'; i++)
            if (address[i] >= 'a' && address[i] <= 'z')
                address[i] = (char) (address[i] - 32);
        CHECK(email_syntax_compare(address, kept_length, folded, kept_length) == 0);
        upper_key_length = email_syntax_match_key(address, kept_length, upper_key);
        CHECK(upper_key_length == key_length && memcmp(key, upper_key, key_length) == 0);
        free(address);
        free(folded);
    }
    free(bytes);
}
