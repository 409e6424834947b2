// links: linker
/* How alike two texts are: within bounds, symmetric, of equal texts the most; a limit stops where it says. */
#include "fuzz.h"
#include "customer/similarity.h"

TARGET(similarity)
{
    struct Input input = {data, size};
    int limit = (int) take_number(&input, 1) - 1;
    size_t n, m;
    unsigned char *a = (unsigned char *) take_text(&input, 3000, &n), *b;
    double alike;
    int edits, limited;

    m = input.size > 3000 ? 3000 : input.size;
    b = (unsigned char *) copy_bytes(input.data, m);
    alike = similarity_bytes_jaro_winkler(a, (int) n, b, (int) m);
    CHECK(alike >= 0 && alike <= 1);
    CHECK(alike == similarity_bytes_jaro_winkler(b, (int) m, a, (int) n));
    CHECK(similarity_bytes_jaro_winkler(a, (int) n, a, (int) n) == 1);
    edits = similarity_bytes_edits(a, (int) n, b, (int) m, -1);
    CHECK(edits >= 0 && edits <= SIMILARITY_MAX_LENGTH);
    CHECK(edits == similarity_bytes_edits(b, (int) m, a, (int) n, -1));
    CHECK(similarity_bytes_edits(b, (int) m, b, (int) m, -1) == 0);
    limited = similarity_bytes_edits(a, (int) n, b, (int) m, limit);
    CHECK(limit < 0 || edits <= limit ? limited == edits : limited == limit + 1);
    free(a);
    free(b);
}
