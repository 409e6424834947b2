// links: extension/funnel/journey.c
/* Journeys: any bytes are refused or read without leaving them; what is read packs to a canonical form, which reads as the same. */
#include "fuzz.h"
#include "funnel/journey.h"

/* Events from the input, packed and unpacked. */
static void
there_and_back(struct Input input)
{
    size_t most = input.size / 3, count = 0, size;
    JourneyEvent *events = calloc(most + 1, sizeof *events), *read = calloc(most + 1, sizeof *read);
    int32_t *scratch = calloc(most + 1, sizeof *scratch);
    uint8_t *packed = malloc(journey_room(most + 1)), *again = malloc(journey_room(most + 1));
    int64_t at = (int64_t) take_number(&input, 7) - (INT64_C(1) << 55);
    static const int64_t unit[] = {1, 1000, 1000000, 60000000};

    CHECK(events != NULL && read != NULL && scratch != NULL && packed != NULL && again != NULL);
    while (input.size >= 3 && count < most) {
        uint64_t step = take_number(&input, 2), kind = take_number(&input, 1);

        at += (int64_t) step * unit[kind & 3];
        events[count++] =
            (JourneyEvent){at, (kind & 4) != 0 ? INT32_MAX - (int32_t) (kind >> 3) : (int32_t) (kind >> 3)};
    }
    size = journey_write(events, count, scratch, packed);
    CHECK(size <= journey_room(count));
    CHECK(journey_unpack(packed, size, read, scratch));
    for (size_t i = 0; i < count; i++) {
        CHECK(read[i].at == events[i].at && read[i].position == events[i].position);
        CHECK((journey_bitmap(packed) & journey_bit(events[i].position)) != 0);
    }
    CHECK(journey_is_canonical(packed, size, read, scratch, again));
    free(events);
    free(read);
    free(scratch);
    free(packed);
    free(again);
}

TARGET(journey)
{
    uint8_t *bytes = (uint8_t *) copy_bytes(data, size);
    JourneyReader reader;

    if (journey_open(&reader, bytes, size) && reader.left <= size) {
        size_t count = reader.left;
        JourneyEvent *events = calloc(count + 1, sizeof *events);
        int32_t *scratch = calloc(count + 1, sizeof *scratch);
        uint8_t *out = malloc(journey_room(count));

        CHECK(events != NULL && scratch != NULL && out != NULL);
        if (journey_unpack(bytes, size, events, scratch)) {
            bool canonical = journey_is_canonical(bytes, size, events, scratch, out);
            size_t length;

            CHECK(journey_unpack(bytes, size, events, scratch));
            for (size_t i = 0; i < count; i++)
                CHECK(events[i].position >= 0 && (i == 0 || events[i].at >= events[i - 1].at));
            length = journey_write(events, count, scratch, out);
            CHECK(length <= journey_room(count));
            if (canonical)
                CHECK(length == size && memcmp(out, bytes, size) == 0);
        }
        free(events);
        free(scratch);
        free(out);
    }
    free(bytes);
    there_and_back((struct Input){data, size});
}
