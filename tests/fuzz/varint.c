// links:
/* Numbers in as few bytes as they need. */
#include "fuzz.h"
#include "base/varint.h"

TARGET(varint)
{
    uint8_t *bytes = (uint8_t *) copy_bytes(data, size), out[10];
    const uint8_t *at = bytes, *end = bytes + size;
    uint64_t number, again;

    while (at < end) {
        const uint8_t *next = varint_get(at, end, &number);

        if (next == NULL)
            break;
        CHECK(next > at && next <= end && next - at <= 10);
        {
            uint8_t *behind = varint_put(out, number);

            CHECK(behind - out <= 10 && varint_get(out, behind, &again) == behind && again == number);
            CHECK(behind - out <= next - at);
            CHECK(zigzag(unzigzag(number)) == number);
        }
        at = next;
    }
    free(bytes);
}
