/*
 * agglomerate.c: components of the graph, and threads that cluster them. See agglomerate.h.
 *
 * Clusters join only over a pair of AGGLOMERATE_LINK bits or more, so that components over such pairs can be clustered
 * one by one. Pairs are brought into the order of components in place. Large components come first, so that no thread
 * meets one at the end; the others are taken in batches.
 */
#include "customer/agglomerate.h"

#include <math.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "customer/agglomerate_component.h"

#define NONE UINT32_MAX
#define MAX_THREADS 64
#define LARGE 20000 /* pairs */
#define BATCH 256   /* components */

/* A verdict, seen from one of its two records. */
typedef struct Half {
    uint32_t record;
    uint32_t next; /* of the same group, or NONE */
} Half;

typedef struct PlacedPair {
    uint32_t component;
    RecordPair pair;
} PlacedPair;

typedef struct Plan {
    AgglomerateRun run;
    AgglomerateLog *log;
    uint32_t *group; /* of each record; NULL where no verdict says that two are the same */
    uint32_t
        *place; /* of each record: its component while pairs are brought into order, then its place there */
    uint32_t *member;     /* records by component */
    uint32_t *first;      /* [components + 1] where its members begin */
    size_t *first_pair;   /* [components + 1] */
    uint32_t *first_join; /* [components + 1] */
    uint32_t *joins;      /* [components] that were made */
    uint32_t components;
    PlacedPair *different; /* by component */
    size_t different_count;
    atomic_uint next_large; /* component to look at */
    atomic_uint next_batch;
    atomic_int working; /* threads */
} Plan;

typedef struct Worker {
    Plan *plan;
    int number;
    pthread_t thread;
} Worker;

static void *
hold(Plan *plan, size_t count, size_t element)
{
    return agglomerate_hold(&plan->run, NULL, 0, count * element);
}

/* The first record of the set that this one is in. */
static uint32_t
find(uint32_t *parent, uint32_t record)
{
    while (parent[record] != record) {
        parent[record] = parent[parent[record]];
        record = parent[record];
    }
    return record;
}

static void
unite(uint32_t *parent, uint32_t a, uint32_t b)
{
    a = find(parent, a);
    b = find(parent, b);
    if (a < b)
        parent[b] = a;
    else
        parent[a] = b;
}

static uint32_t *
each_its_own(Plan *plan)
{
    uint32_t records = plan->run.input->records;
    uint32_t *parent = hold(plan, records, sizeof(uint32_t));

    for (uint32_t i = 0; parent != NULL && i < records; i++)
        parent[i] = i;
    return parent;
}

/* ---- verdicts ---- */

static int
compare_pairs(const void *a, const void *b)
{
    const RecordPair *x = a;
    const RecordPair *y = b;

    if (x->a != y->a)
        return x->a < y->a ? -1 : 1;
    return (x->b > y->b) - (x->b < y->b);
}

/* Whether a verdict keeps the groups x and y apart; of the halves of one group half[k ^ 1] is the other record. */
static bool
are_apart(uint32_t *group, const Half *half, const uint32_t *head, uint32_t x, uint32_t y)
{
    for (uint32_t i = head[x]; i != NONE; i = half[i].next)
        if (find(group, half[i ^ 1].record) == y)
            return true;
    return false;
}

/* Makes groups of what is the same, from the first pair to the last, unless they would hold what is different. */
static void
make_groups(Plan *plan, const RecordPair *same, Half *half, uint32_t *head, uint32_t *tail, uint32_t *size)
{
    const AgglomerateInput *input = plan->run.input;

    memset(head, 0xff, input->records * sizeof(uint32_t));
    for (uint32_t i = 0; i < input->records; i++)
        size[i] = 1;
    for (size_t i = 0; i < 2 * input->different_count; i++) {
        uint32_t record = i % 2 == 0 ? input->different[i / 2].a : input->different[i / 2].b;

        half[i] = (Half){record, head[record]};
        if (head[record] == NONE)
            tail[record] = (uint32_t) i;
        head[record] = (uint32_t) i;
    }
    for (size_t i = 0; i < input->same_count; i++) {
        uint32_t x = find(plan->group, same[i].a);
        uint32_t y = find(plan->group, same[i].b);
        uint32_t low = x < y ? x : y;
        uint32_t high = x < y ? y : x;

        if (x == y || are_apart(plan->group, half, head, x, y))
            continue;
        plan->group[high] = low;
        plan->log->joins[plan->log->count++] =
            (AgglomerateJoin){same[i].a, same[i].b, INFINITY, agglomerate_product(size[low], size[high])};
        size[low] += size[high];
        if (head[high] == NONE)
            continue;
        if (head[low] == NONE)
            head[low] = head[high];
        else
            half[tail[low]].next = head[high];
        tail[low] = tail[high];
    }
    for (uint32_t i = 0; i < input->records; i++)
        plan->group[i] = find(plan->group, i);
}

static bool
force(Plan *plan)
{
    const AgglomerateInput *input = plan->run.input;
    size_t each = input->records * sizeof(uint32_t);
    size_t sizes[5] = {input->same_count * sizeof(RecordPair), 2 * input->different_count * sizeof(Half),
                       each, each, each};
    void *space[5] = {NULL};
    bool enough = true;

    if (input->same_count == 0)
        return true;
    plan->group = each_its_own(plan);
    plan->log->joins = hold(plan, input->same_count, sizeof(AgglomerateJoin));
    for (int i = 0; i < 5; i++) {
        space[i] = hold(plan, sizes[i], 1);
        enough = enough && space[i] != NULL;
    }
    if (enough && plan->group != NULL && plan->log->joins != NULL) {
        RecordPair *same = space[0];

        for (size_t i = 0; i < input->same_count; i++) {
            bool ordered = input->same[i].a <= input->same[i].b;

            same[i] = (RecordPair){ordered ? input->same[i].a : input->same[i].b,
                                   ordered ? input->same[i].b : input->same[i].a};
        }
        qsort(same, input->same_count, sizeof(RecordPair), compare_pairs);
        make_groups(plan, same, space[1], space[2], space[3], space[4]);
    }
    for (int i = 0; i < 5; i++) {
        free(space[i]);
        atomic_fetch_sub(&plan->run.held, space[i] == NULL ? 0 : sizes[i]);
    }
    return atomic_load(&plan->run.status) == AGGLOMERATE_OK;
}

/* ---- components ---- */

/* Numbers the components of more than one group, by their first record, and lists their members. */
static bool
list_members(Plan *plan)
{
    const AgglomerateInput *input = plan->run.input;
    uint32_t *parent = plan->place;
    uint32_t *size = each_its_own(plan);
    uint32_t used = 0;

    if (size == NULL)
        return false;
    /* a component's first record is met before its others; its size is then replaced by its number */
    memset(size, 0, input->records * sizeof(uint32_t));
    for (uint32_t i = 0; i < input->records; i++) {
        parent[i] = find(parent, i);
        if (plan->group == NULL || plan->group[i] == i)
            size[parent[i]]++;
    }
    for (uint32_t i = 0; i < input->records; i++)
        plan->components += parent[i] == i && size[i] > 1;
    plan->first = hold(plan, (size_t) plan->components + 1, sizeof(uint32_t));
    plan->first_join = hold(plan, (size_t) plan->components + 1, sizeof(uint32_t));
    plan->joins = hold(plan, (size_t) plan->components + 1, sizeof(uint32_t));
    if (plan->joins != NULL && plan->first_join != NULL && plan->first != NULL) {
        plan->components = 0;
        plan->first_join[0] = (uint32_t) plan->log->count;
        for (uint32_t i = 0; i < input->records; i++) {
            if (parent[i] == i && size[i] > 1) {
                plan->first_join[plan->components + 1] = plan->first_join[plan->components] + size[i] - 1;
                plan->first[plan->components] = 0;
                size[i] = plan->components++;
            } else if (parent[i] == i)
                size[i] = NONE;
            parent[i] = size[parent[i]];
            if (parent[i] != NONE) {
                plan->first[parent[i]]++;
                used++;
            }
        }
        plan->first[plan->components] = used;
        plan->member = hold(plan, used, sizeof(uint32_t));
    }
    free(size);
    atomic_fetch_sub(&plan->run.held, input->records * sizeof(uint32_t));
    if (plan->member == NULL)
        return false;
    for (uint32_t c = plan->components; c-- > 0;)
        plan->first[c] = plan->first[c + 1] - plan->first[c];
    for (uint32_t i = 0; i < input->records; i++)
        if (plan->place[i] != NONE)
            plan->member[plan->first[plan->place[i]]++] = i;
    for (uint32_t c = plan->components; c-- > 0;)
        plan->first[c + 1] = plan->first[c];
    plan->first[0] = 0;
    return true;
}

/* The component of a pair; NONE where it is not inside of one. */
static uint32_t
component_of(const Plan *plan, uint32_t a, uint32_t b)
{
    return plan->place[a] == plan->place[b] ? plan->place[a] : NONE;
}

/* Brings the pairs into the order of their components, those between components behind: each to where it belongs. */
static bool
order_pairs(Plan *plan)
{
    const AgglomerateInput *input = plan->run.input;
    WeightedPair *pairs = input->pairs;
    size_t *next = hold(plan, (size_t) plan->components + 1, sizeof(size_t));
    size_t total = 0;

    plan->first_pair = hold(plan, (size_t) plan->components + 1, sizeof(size_t));
    if (next == NULL || plan->first_pair == NULL) {
        free(next);
        return false;
    }
    memset(next, 0, ((size_t) plan->components + 1) * sizeof(size_t));
    for (size_t i = 0; i < input->pair_count; i++) {
        uint32_t c = component_of(plan, pairs[i].a, pairs[i].b);

        next[c == NONE ? plan->components : c]++;
    }
    for (uint32_t c = 0; c <= plan->components; c++) {
        size_t count = next[c];

        plan->first_pair[c] = next[c] = total;
        total += count;
    }
    for (uint32_t c = 0; c <= plan->components; c++) {
        size_t end = c == plan->components ? input->pair_count : plan->first_pair[c + 1];

        while (next[c] < end) {
            WeightedPair pair = pairs[next[c]];
            uint32_t to = component_of(plan, pair.a, pair.b);

            to = to == NONE ? plan->components : to;
            pairs[next[c]] = pairs[next[to]];
            pairs[next[to]++] = pair;
        }
    }
    free(next);
    atomic_fetch_sub(&plan->run.held, ((size_t) plan->components + 1) * sizeof(size_t));
    return true;
}

static int
compare_placed(const void *a, const void *b)
{
    const PlacedPair *x = a;
    const PlacedPair *y = b;

    return (x->component > y->component) - (x->component < y->component);
}

static bool
place_different(Plan *plan)
{
    const AgglomerateInput *input = plan->run.input;

    plan->different = hold(plan, input->different_count, sizeof(PlacedPair));
    if (plan->different == NULL)
        return false;
    for (size_t i = 0; i < input->different_count; i++) {
        uint32_t c = component_of(plan, input->different[i].a, input->different[i].b);

        if (c != NONE)
            plan->different[plan->different_count++] = (PlacedPair){c, input->different[i]};
    }
    if (plan->different_count > 0)
        qsort(plan->different, plan->different_count, sizeof(PlacedPair), compare_placed);
    return true;
}

static bool
find_components(Plan *plan)
{
    const AgglomerateInput *input = plan->run.input;
    float least = input->floor > AGGLOMERATE_LINK ? input->floor : AGGLOMERATE_LINK;

    plan->place = each_its_own(plan);
    if (plan->place == NULL)
        return false;
    for (size_t i = 0; i < input->pair_count; i++)
        if (input->pairs[i].weight >= least)
            unite(plan->place, input->pairs[i].a, input->pairs[i].b);
    for (uint32_t i = 0; plan->group != NULL && i < input->records; i++)
        unite(plan->place, i, plan->group[i]);
    if (!list_members(plan) || !order_pairs(plan) || !place_different(plan))
        return false;
    for (uint32_t c = 0; c < plan->components; c++)
        for (uint32_t i = plan->first[c]; i < plan->first[c + 1]; i++)
            plan->place[plan->member[i]] = i - plan->first[c];
    return true;
}

/* ---- threads ---- */

static void
cluster(Plan *plan, AgglomerateBench *bench, RecordPair *different, uint32_t c)
{
    AgglomerateComponent component = {
        .member = plan->member + plan->first[c],
        .members = plan->first[c + 1] - plan->first[c],
        .place = plan->place,
        .group = plan->group,
        .pairs = plan->run.input->pairs + plan->first_pair[c],
        .pair_count = plan->first_pair[c + 1] - plan->first_pair[c],
        .different = different,
        .joins = plan->log->joins + plan->first_join[c],
    };
    size_t low = 0;

    for (size_t high = plan->different_count; low < high;) {
        size_t middle = low + (high - low) / 2;

        if (plan->different[middle].component < c)
            low = middle + 1;
        else
            high = middle;
    }
    for (; low < plan->different_count && plan->different[low].component == c; low++)
        different[component.different_count++] = plan->different[low].pair;
    plan->joins[c] = agglomerate_component(bench, &component);
}

static bool
is_large(const Plan *plan, uint32_t c)
{
    return plan->first_pair[c + 1] - plan->first_pair[c] > LARGE;
}

static void
work(Worker *worker)
{
    Plan *plan = worker->plan;
    AgglomerateBench *bench = agglomerate_bench(&plan->run, worker->number);
    RecordPair *different = hold(plan, plan->different_count, sizeof(RecordPair));
    uint32_t c;

    if (bench == NULL || different == NULL)
        goto done;
    while ((c = atomic_fetch_add(&plan->next_large, 1)) < plan->components)
        if (is_large(plan, c)) {
            cluster(plan, bench, different, c);
            if (!agglomerate_goes_on(&plan->run, worker->number))
                goto done;
        }
    while ((c = atomic_fetch_add(&plan->next_batch, BATCH)) < plan->components) {
        for (uint32_t end = c + BATCH; c < end && c < plan->components; c++)
            if (!is_large(plan, c))
                cluster(plan, bench, different, c);
        if (!agglomerate_goes_on(&plan->run, worker->number))
            goto done;
    }
done:
    agglomerate_bench_free(bench);
    if (different != NULL)
        atomic_fetch_sub(&plan->run.held, plan->different_count * sizeof(RecordPair));
    free(different);
    atomic_fetch_sub(&plan->working, 1);
}

static void *
work_in_thread(void *worker)
{
    work(worker);
    return NULL;
}

/* The calling thread works too, and then waits for the others, still open to interruptions. */
static void
work_in_threads(Plan *plan)
{
    Worker worker[MAX_THREADS];
    int wanted = plan->run.input->threads > MAX_THREADS ? MAX_THREADS : plan->run.input->threads;
    int threads = 1;
    sigset_t all;
    sigset_t before;

    atomic_store(&plan->working, 1);
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    for (int i = 1; i < wanted && plan->components > 1; i++) {
        worker[threads] = (Worker){.plan = plan, .number = threads};
        atomic_fetch_add(&plan->working, 1);
        if (pthread_create(&worker[threads].thread, NULL, work_in_thread, &worker[threads]) == 0)
            threads++;
        else
            atomic_fetch_sub(&plan->working, 1); /* it goes without */
    }
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    worker[0] = (Worker){.plan = plan};
    work(&worker[0]);
    while (atomic_load(&plan->working) > 0) {
        const struct timespec pause = {.tv_nsec = 5000000};

        agglomerate_goes_on(&plan->run, 0);
        nanosleep(&pause, NULL);
    }
    for (int i = 1; i < threads; i++)
        pthread_join(worker[i].thread, NULL);
}

/* Room for all joins that there can be; afterwards those that were made are moved together. */
static bool
make_log(Plan *plan)
{
    AgglomerateLog *log = plan->log;
    size_t most = plan->first_join[plan->components];
    AgglomerateJoin *joins =
        agglomerate_hold(&plan->run, log->joins,
                         log->joins == NULL ? 0 : plan->run.input->same_count * sizeof(AgglomerateJoin),
                         most * sizeof(AgglomerateJoin));

    if (joins == NULL)
        return false;
    log->joins = joins;
    memset(plan->joins, 0, plan->components * sizeof(uint32_t));
    work_in_threads(plan);
    for (uint32_t c = 0; c < plan->components; c++) {
        memmove(joins + log->count, joins + plan->first_join[c], plan->joins[c] * sizeof(AgglomerateJoin));
        log->count += plan->joins[c];
    }
    return atomic_load(&plan->run.status) == AGGLOMERATE_OK;
}

AgglomerateStatus
agglomerate(const AgglomerateInput *input, AgglomerateLog *log)
{
    Plan plan = {.run = {.input = input}, .log = log};
    AgglomerateStatus status;

    *log = (AgglomerateLog){0};
    if (force(&plan) && find_components(&plan))
        make_log(&plan);
    free(plan.group);
    free(plan.place);
    free(plan.member);
    free(plan.first);
    free(plan.first_pair);
    free(plan.first_join);
    free(plan.joins);
    free(plan.different);
    status = (AgglomerateStatus) atomic_load(&plan.run.status);
    log->weighed = atomic_load(&plan.run.weighed);
    log->memory = atomic_load(&plan.run.most);
    if (status != AGGLOMERATE_OK) {
        agglomerate_free(log);
        log->count = 0;
    }
    return status;
}

void
agglomerate_free(AgglomerateLog *log)
{
    free(log->joins);
    log->joins = NULL;
    log->count = 0;
}

uint64_t
agglomerate_cut(const AgglomerateLog *log, uint32_t records, double threshold, uint32_t *label)
{
    uint64_t pairs = 0;

    for (uint32_t i = 0; i < records; i++)
        label[i] = i;
    for (size_t i = 0; i < log->count; i++)
        if (log->joins[i].score >= threshold) {
            unite(label, log->joins[i].a, log->joins[i].b);
            pairs += log->joins[i].pairs;
        }
    for (uint32_t i = 0; i < records; i++)
        label[i] = find(label, i);
    return pairs;
}
