// links: extension/customer/phone_syntax.c extension/customer/phone_plan.c
/* Phone numbers: the canonical form reads as itself, whatever the country. */
#include "fuzz.h"
#include "customer/phone_syntax.h"

TARGET(phone)
{
    struct Input input = {data, size};
    size_t country_length, length, kept_length, again_length;
    char *country = take_text(&input, 20, &country_length), *bytes;
    const PhonePlan *plan = phone_plan_country(country, country_length);
    char kept[PHONE_MAX_LENGTH], again[PHONE_MAX_LENGTH];
    PhoneFault fault;

    length = input.size;
    bytes = copy_bytes(input.data, length);
    fault = phone_syntax_parse(bytes, length, plan, kept, &kept_length);
    if (fault != PHONE_OK)
        CHECK(phone_syntax_fault(fault) != NULL && phone_syntax_hint(fault) != NULL);
    else {
        size_t main_length = phone_syntax_main(kept, kept_length);

        CHECK(kept_length <= PHONE_MAX_LENGTH && kept[0] == '+' && main_length <= 1 + PHONE_MAX_DIGITS &&
              main_length > PHONE_MIN_DIGITS);
        CHECK(strspn(kept + 1, "0123456789") + 1 >= main_length || kept_length == main_length);
        CHECK(phone_plan_code(kept + 1, main_length - 1) != NULL);
        CHECK(phone_syntax_parse(kept, kept_length, NULL, again, &again_length) == PHONE_OK);
        CHECK(again_length == kept_length && memcmp(again, kept, kept_length) == 0);
        CHECK(phone_syntax_parse(kept, kept_length, plan, again, &again_length) == PHONE_OK);
        CHECK(again_length == kept_length && memcmp(again, kept, kept_length) == 0);
    }
    free(bytes);
    free(country);
}
