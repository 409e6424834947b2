/*
 * inquiry.c: reads what is asked of journeys, and asks it. See inquiry.h.
 *
 * A journey says in front which positions it has: steps from the first that it cannot have on are not looked for, and where
 * only the first is left no event is read.
 */
#include "base/error.h"
#include "funnel/journey_value.h"
#include "funnel/inquiry.h"
#include "funnel/quick_depth.h"

#include "catalog/pg_type.h"
#include "common/int.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/datum.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#define ARGUMENTS 5

/* What events at a position count for and forbid. */
typedef struct Meaning {
    int32 position;
    uint64 steps;
    uint64 forbids;
} Meaning;

struct Inquiry {
    MemoryContext context;
    Datum argument[ARGUMENTS]; /* as they were when this was read */
    bool is_null[ARGUMENTS];
    int arguments;
    AttemptRule rule;
    Meaning *meaning; /* by position */
    int meanings;
    uint64 step_bits[ATTEMPT_STEPS]; /* journey_bit of the positions of each step */
    AttemptEvent *events;            /* room for those of one journey */
    uint64 *scratch;
    uint64 room;
    QuickFunnel *quick; /* NULL where quick_depth cannot answer */
};

CRM_NORETURN static void
refuse(const char *message)
{
    ereport(ERROR, errcode(ERRCODE_CRM_INVALID_ARGUMENT), errmsg("%s", message),
            errhint("Type ARRAY['100', '200|250', '300?', '!900', '400']: positions in order, | for either, "
                    "? for optional, "
                    "! for what must not happen before the next."));
}

static Meaning *
find_meaning(Inquiry *inquiry, int32 position)
{
    int i = 0;

    while (i < inquiry->meanings && inquiry->meaning[i].position < position)
        i++;
    if (i == inquiry->meanings || inquiry->meaning[i].position != position) {
        inquiry->meaning = repalloc(inquiry->meaning, sizeof(Meaning) * (Size) (inquiry->meanings + 1));
        memmove(&inquiry->meaning[i + 1], &inquiry->meaning[i],
                sizeof(Meaning) * (Size) (inquiry->meanings - i));
        inquiry->meaning[i] = (Meaning){position, 0, 0};
        inquiry->meanings++;
    }
    return &inquiry->meaning[i];
}

/* Positions separated by |, up to the end of the text. */
static void
read_positions(Inquiry *inquiry, const char *text, const char *given, uint64 steps, uint64 forbids)
{
    for (;;) {
        char *end;
        long position;
        Meaning *meaning;

        errno = 0;
        position = strtol(text, &end, 10);
        if (text[0] < '0' || text[0] > '9' || errno != 0 || position > PG_INT32_MAX ||
            (*end != '|' && *end != '\0'))
            refuse(psprintf("\"%s\" is no step of a funnel", given));
        meaning = find_meaning(inquiry, (int32) position);
        meaning->steps |= steps;
        meaning->forbids |= forbids;
        if (steps != 0)
            inquiry->step_bits[__builtin_ctzll(steps)] |= journey_bit((int32) position);
        if (*end == '\0')
            return;
        text = end + 1;
    }
}

static uint64
last_required(const Inquiry *inquiry)
{
    const AttemptRule *rule = &inquiry->rule;

    for (int k = rule->steps - 1; k >= 0; k--)
        if ((rule->optional >> k & 1) == 0)
            return UINT64_C(1) << k;
    return 0;
}

static void
read_step(Inquiry *inquiry, char *text)
{
    AttemptRule *rule = &inquiry->rule;
    const char *given = pstrdup(text);
    size_t length = strlen(text);
    uint64 step;

    if (text[0] == '!') {
        uint64 after = last_required(inquiry);

        if (after == 0)
            refuse(psprintf("nothing precedes \"%s\" in the steps of a funnel", given));
        read_positions(inquiry, text + 1, given, 0, after);
        return;
    }
    if (rule->steps == ATTEMPT_STEPS)
        refuse(psprintf("a funnel has %d steps at most, and \"%s\" is one more", ATTEMPT_STEPS, given));
    step = UINT64_C(1) << rule->steps++;
    if (length > 0 && text[length - 1] == '?') {
        if (step == 1)
            refuse(psprintf("the first step of a funnel cannot be optional: \"%s\"", given));
        text[length - 1] = '\0';
        rule->optional |= step;
    }
    read_positions(inquiry, text, given, step, 0);
}

static void
read_steps(Inquiry *inquiry, ArrayType *array)
{
    Datum *values;
    bool *nulls;
    int count;

    if (ARR_NDIM(array) > 1)
        refuse("steps of a funnel are an array of one dimension");
    if (ARR_ELEMTYPE(array) != INT4OID && ARR_ELEMTYPE(array) != TEXTOID)
        refuse("steps of a funnel are integers or texts");
    if (ARR_ELEMTYPE(array) == INT4OID)
        deconstruct_array(array, INT4OID, sizeof(int32), true, TYPALIGN_INT, &values, &nulls, &count);
    else
        deconstruct_array(array, TEXTOID, -1, false, TYPALIGN_INT, &values, &nulls, &count);
    inquiry->meaning = palloc(sizeof(Meaning));
    for (int i = 0; i < count; i++) {
        if (nulls[i])
            refuse("a step of a funnel is NULL");
        read_step(inquiry, ARR_ELEMTYPE(array) == INT4OID ? psprintf("%d", DatumGetInt32(values[i]))
                                                          : TextDatumGetCString(values[i]));
    }
    if (inquiry->rule.steps == 0)
        refuse("a funnel has a step at least");
}

int
crm_word_read(Datum argument, const char *what, const char *const *words, int count)
{
    char *given = TextDatumGetCString(argument);

    for (int i = 0; i < count; i++)
        if (strcmp(given, words[i]) == 0)
            return i;
    ereport(ERROR, errcode(ERRCODE_CRM_INVALID_ARGUMENT), errmsg("\"%s\" is no %s", given, what),
            count == 2 ? errhint("Type '%s' or '%s'.", words[0], words[1])
                       : errhint("Type '%s', '%s' or '%s'.", words[0], words[1], words[2]));
}

/* Microseconds; months have no length of their own. */
int64
crm_window_read(Interval *within)
{
    int64 result;

    if (within->month != 0)
        ereport(ERROR, errcode(ERRCODE_CRM_INVALID_ARGUMENT),
                errmsg("a window cannot be given in months or years"),
                errdetail("Their length depends on when they begin."), errhint("Type interval '30 days'."));
    if (pg_mul_s64_overflow(within->day, USECS_PER_DAY, &result) ||
        pg_add_s64_overflow(result, within->time, &result) || result < 0)
        ereport(ERROR, errcode(ERRCODE_CRM_INVALID_ARGUMENT), errmsg("a window cannot be negative"),
                errhint("Type interval '30 days', or NULL for no limit."));
    return result;
}

static const char *const order_words[] = {"ordered", "strict", "unordered"};
static const char *const anchor_words[] = {"best", "first_entry", "last_entry"};

static bool
is_single(uint64 bits)
{
    return bits != 0 && (bits & (bits - 1)) == 0;
}

/* For quick_depth, where it can answer: else NULL. */
static QuickFunnel *
make_quick(const Inquiry *inquiry)
{
    const AttemptRule *rule = &inquiry->rule;
    QuickFunnel *quick;
    QuickStep *steps;

    if (rule->order != ATTEMPT_ORDERED || rule->anchor != ATTEMPT_BEST || rule->optional != 0 ||
        rule->gap != WITHIN_UNLIMITED)
        return NULL;
    quick = palloc0(sizeof(QuickFunnel));
    steps = palloc(sizeof(QuickStep) * (Size) inquiry->meanings);
    for (int i = 0; i < inquiry->meanings; i++) {
        const Meaning *meaning = &inquiry->meaning[i];

        if (meaning->forbids != 0 || !is_single(meaning->steps))
            return NULL;
        steps[i] = (QuickStep){meaning->position, (uint8) __builtin_ctzll(meaning->steps)};
    }
    quick->steps = steps;
    quick->count = inquiry->meanings;
    quick->within = rule->within;
    return quick;
}

static void
read_arguments(Inquiry *inquiry)
{
    AttemptRule *rule = &inquiry->rule;

    rule->within = WITHIN_UNLIMITED;
    rule->gap = WITHIN_UNLIMITED;
    if (inquiry->is_null[0])
        refuse("the steps of a funnel are NULL");
    if (!inquiry->is_null[1])
        rule->within = crm_window_read(DatumGetIntervalP(inquiry->argument[1]));
    if (!inquiry->is_null[2])
        rule->order = (AttemptOrder) crm_word_read(inquiry->argument[2], "mode of a funnel", order_words,
                                                   lengthof(order_words));
    if (!inquiry->is_null[3])
        rule->anchor = (AttemptAnchor) crm_word_read(inquiry->argument[3], "anchor of a funnel", anchor_words,
                                                     lengthof(anchor_words));
    if (!inquiry->is_null[4])
        rule->gap = crm_window_read(DatumGetIntervalP(inquiry->argument[4]));
    read_steps(inquiry, DatumGetArrayTypeP(inquiry->argument[0]));
    if (rule->optional != 0 && rule->order != ATTEMPT_ORDERED)
        refuse("only an ordered funnel has optional steps");
    if (rule->gap != WITHIN_UNLIMITED && rule->order == ATTEMPT_UNORDERED)
        refuse("an unordered funnel has no gap between steps");
    inquiry->quick = make_quick(inquiry);
}

static const int argument_length[ARGUMENTS] = {-1, sizeof(Interval), -1, -1, sizeof(Interval)};

static bool
is_same(const Inquiry *inquiry, FunctionCallInfo fcinfo, int first)
{
    for (int i = 0; i < inquiry->arguments; i++) {
        if (inquiry->is_null[i] != PG_ARGISNULL(first + i))
            return false;
        if (!inquiry->is_null[i] &&
            !datumIsEqual(inquiry->argument[i], PG_GETARG_DATUM(first + i), false, argument_length[i]))
            return false;
    }
    return true;
}

Inquiry *
crm_inquiry(FunctionCallInfo fcinfo, int first)
{
    Inquiry *inquiry = fcinfo->flinfo->fn_extra;
    MemoryContext context;
    MemoryContext before;

    if (inquiry != NULL && is_same(inquiry, fcinfo, first))
        return inquiry;
    context = AllocSetContextCreate(fcinfo->flinfo->fn_mcxt, "crm inquiry", ALLOCSET_SMALL_SIZES);
    before = MemoryContextSwitchTo(context);
    fcinfo->flinfo->fn_extra = NULL;
    if (inquiry != NULL)
        MemoryContextDelete(inquiry->context);
    inquiry = palloc0(sizeof(Inquiry));
    inquiry->context = context;
    inquiry->arguments = Min(PG_NARGS() - first, ARGUMENTS);
    for (int i = 0; i < ARGUMENTS; i++) {
        inquiry->is_null[i] = i >= inquiry->arguments || PG_ARGISNULL(first + i);
        if (!inquiry->is_null[i])
            inquiry->argument[i] = datumCopy(PG_GETARG_DATUM(first + i), false, argument_length[i]);
    }
    read_arguments(inquiry);
    MemoryContextSwitchTo(before);
    fcinfo->flinfo->fn_extra = inquiry;
    return inquiry;
}

int
crm_inquiry_steps(const Inquiry *inquiry)
{
    return inquiry->rule.steps;
}

const AttemptRule *
crm_inquiry_rule(const Inquiry *inquiry)
{
    return &inquiry->rule;
}

/* Steps up to the first required one that no position of the journey can mean. */
static int
possible_steps(const Inquiry *inquiry, uint64 bitmap)
{
    const AttemptRule *rule = &inquiry->rule;

    if (rule->order == ATTEMPT_UNORDERED)
        return rule->steps;
    for (int k = 0; k < rule->steps; k++)
        if ((inquiry->step_bits[k] & bitmap) == 0 && (rule->optional >> k & 1) == 0)
            return k;
    return rule->steps;
}

#define FEW 64

/* What each of the journey's distinct positions counts for and forbids; in few, where it has room. */
static Meaning *
meanings_of(const Inquiry *inquiry, const JourneyReader *reader, Meaning *few)
{
    int32 few_positions[FEW];
    int32 *positions = few_positions;
    Meaning *result = few;
    int next = 0;

    if (reader->distinct > FEW) {
        positions = crm_journey_distinct(reader);
        result = palloc_extended(sizeof(Meaning) * reader->distinct, MCXT_ALLOC_HUGE);
    } else if (!journey_positions(reader, positions))
        crm_journey_corrupted();

    for (uint32 i = 0; i < reader->distinct; i++) {
        while (next < inquiry->meanings && inquiry->meaning[next].position < positions[i])
            next++;
        result[i] = (Meaning){positions[i], 0, 0};
        if (next < inquiry->meanings && inquiry->meaning[next].position == positions[i])
            result[i] = inquiry->meaning[next];
    }
    if (positions != few_positions)
        pfree(positions);
    return result;
}

static void
make_room(Inquiry *inquiry, uint64 count)
{
    if (count <= inquiry->room)
        return;
    inquiry->room = Max(count, 2 * inquiry->room);
    if (inquiry->events != NULL) {
        pfree(inquiry->events);
        pfree(inquiry->scratch);
    }
    inquiry->events = MemoryContextAllocHuge(inquiry->context, sizeof(AttemptEvent) * inquiry->room);
    inquiry->scratch = MemoryContextAllocHuge(inquiry->context, sizeof(uint64) * inquiry->room);
}

/* The events that say something, in the inquiry's room; all of them where none may lie between. */
static size_t
read_events(Inquiry *inquiry, struct varlena *journey, uint64 steps)
{
    JourneyReader reader;
    Meaning few[FEW];
    Meaning *meaning;
    bool all = inquiry->rule.order == ATTEMPT_STRICT;
    size_t count = 0;
    uint32 index;

    crm_journey_open(&reader, journey);
    make_room(inquiry, reader.left);
    meaning = meanings_of(inquiry, &reader, few);
    for (int64 at; crm_journey_next(&reader, &at, &index);) {
        AttemptEvent *event = &inquiry->events[count];

        *event = (AttemptEvent){at, meaning[index].steps & steps, meaning[index].forbids};
        count += all || (event->steps | event->forbids) != 0;
    }
    if (meaning != few)
        pfree(meaning);
    return count;
}

static uint64
steps_below(int step)
{
    return step == ATTEMPT_STEPS ? PG_UINT64_MAX : (UINT64_C(1) << step) - 1;
}

/* The rule as far as a journey with these positions can come, and the steps that are left. */
static AttemptRule
cut_rule(const Inquiry *inquiry, struct varlena *journey, uint64 *steps)
{
    AttemptRule rule = inquiry->rule;

    if (VARSIZE_ANY_EXHDR(journey) <= JOURNEY_HEADER)
        crm_journey_corrupted();
    rule.steps = possible_steps(inquiry, journey_bitmap((const uint8 *) VARDATA_ANY(journey)));
    *steps = steps_below(rule.steps);
    rule.optional &= *steps;
    return rule;
}

int
crm_inquiry_depth(Inquiry *inquiry, struct varlena *journey)
{
    uint64 steps;
    AttemptRule rule = cut_rule(inquiry, journey, &steps);
    size_t count;

    if (rule.steps == 0)
        return 0;
    if (inquiry->quick != NULL) {
        int depth = quick_depth(inquiry->quick, (const uint8 *) VARDATA_ANY(journey),
                                VARSIZE_ANY_EXHDR(journey), rule.steps);

        if (depth >= 0)
            return depth;
    }
    count = read_events(inquiry, journey, steps);
    return attempt_depth(&rule, inquiry->events, count);
}

uint64
crm_inquiry_reached(Inquiry *inquiry, struct varlena *journey)
{
    Attempt attempt;

    if (inquiry->rule.optional == 0 && inquiry->rule.order != ATTEMPT_UNORDERED)
        return steps_below(crm_inquiry_depth(inquiry, journey));
    crm_inquiry_attempt(inquiry, journey, &attempt);
    return attempt.taken;
}

void
crm_inquiry_attempt(Inquiry *inquiry, struct varlena *journey, Attempt *attempt)
{
    uint64 steps;
    AttemptRule rule = cut_rule(inquiry, journey, &steps);
    size_t count;

    attempt->depth = 0;
    attempt->taken = 0;
    if (rule.steps == 0)
        return;
    count = read_events(inquiry, journey, steps);
    attempt_find(&rule, inquiry->events, count, inquiry->scratch, attempt);
}

uint64
crm_inquiry_taken_at(const Inquiry *inquiry, const Attempt *attempt, struct varlena *journey)
{
    JourneyReader reader;
    Meaning few[FEW];
    Meaning *meaning;
    uint64 result = 0;
    uint32 index;

    crm_journey_open(&reader, journey);
    meaning = meanings_of(inquiry, &reader, few);
    for (int64 at; crm_journey_next(&reader, &at, &index);)
        for (uint64 steps = meaning[index].steps & attempt->taken; steps != 0; steps &= steps - 1)
            if (attempt->at[__builtin_ctzll(steps)] == at)
                result |= steps & -steps;
    if (meaning != few)
        pfree(meaning);
    return result;
}
