/*
 * bytes.c: comparison and hashing by bytes. See bytes.h.
 */
#include "base/bytes.h"

#include "common/hashfn.h"
#include "fmgr.h"

static void
free_copy(struct varlena *value, Datum given)
{
    if ((Pointer) value != DatumGetPointer(given))
        pfree(value);
}

int
crm_bytes_compare(Datum left, Datum right)
{
    struct varlena *a = PG_DETOAST_DATUM_PACKED(left);
    struct varlena *b = PG_DETOAST_DATUM_PACKED(right);
    size_t a_size = VARSIZE_ANY_EXHDR(a);
    size_t b_size = VARSIZE_ANY_EXHDR(b);
    int result = memcmp(VARDATA_ANY(a), VARDATA_ANY(b), Min(a_size, b_size));

    if (result == 0)
        result = (a_size > b_size) - (a_size < b_size);
    free_copy(a, left);
    free_copy(b, right);
    return (result > 0) - (result < 0);
}

Datum
crm_bytes_hash(Datum value)
{
    struct varlena *bytes = PG_DETOAST_DATUM_PACKED(value);
    Datum result = hash_any((unsigned char *) VARDATA_ANY(bytes), (int) VARSIZE_ANY_EXHDR(bytes));

    free_copy(bytes, value);
    return result;
}

Datum
crm_bytes_hash_extended(Datum value, uint64 seed)
{
    struct varlena *bytes = PG_DETOAST_DATUM_PACKED(value);
    Datum result =
        hash_any_extended((unsigned char *) VARDATA_ANY(bytes), (int) VARSIZE_ANY_EXHDR(bytes), seed);

    free_copy(bytes, value);
    return result;
}
