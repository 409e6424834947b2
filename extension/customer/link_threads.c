/*
 * link_threads.c: work on many items by all threads.
 *
 * Items are taken in chunks, so that whoever is slow takes fewer; what a chunk yields must not depend on who works on it.
 * Only the calling thread asks whether to go on, and it waits for the others before it leaves.
 */
#include "customer/link_inside.h"

#include <pthread.h>
#include <signal.h>
#include <time.h>

typedef struct Parallel {
    Linker *linker;
    LinkWork work;
    void *context;
    LinkPhase phase;
    size_t count;
    size_t chunk;
    atomic_size_t next;
    atomic_int working;
} Parallel;

typedef struct Worker {
    Parallel *parallel;
    int number;
    pthread_t thread;
} Worker;

static void
ask(Parallel *parallel)
{
    const Linker *linker = parallel->linker;
    const LinkerOptions *options = &linker->options;
    size_t next = atomic_load(&parallel->next);

    if (options->progress != NULL && linker->to_do > 0)
        options->progress(options->context, parallel->phase, linker->done_before, linker->to_do);
    else if (options->progress != NULL)
        options->progress(options->context, parallel->phase, next < parallel->count ? next : parallel->count,
                          parallel->count);
    if (options->interrupted != NULL && options->interrupted(options->context))
        atomic_store(&parallel->linker->stop, true);
}

static void *
work(void *argument)
{
    Worker *worker = argument;
    Parallel *parallel = worker->parallel;
    size_t from;

    while (!atomic_load(&parallel->linker->stop) &&
           (from = atomic_fetch_add(&parallel->next, parallel->chunk)) < parallel->count) {
        size_t to = from + parallel->chunk < parallel->count ? from + parallel->chunk : parallel->count;

        if (!parallel->work(parallel->context, worker->number, from, to))
            atomic_store(&parallel->linker->stop, true);
        if (worker->number == 0)
            ask(parallel);
    }
    atomic_fetch_sub(&parallel->working, 1);
    return NULL;
}

int
link_threads(const Linker *linker)
{
    return linker->options.threads > LINK_MAX_THREADS ? LINK_MAX_THREADS : linker->options.threads;
}

bool
link_in_parallel(Linker *linker, LinkPhase phase, size_t count, size_t chunk, LinkWork each, void *context)
{
    Parallel parallel = {linker, each, context, phase, count, chunk, 0, 1};
    Worker worker[LINK_MAX_THREADS];
    int threads = 1;
    sigset_t all;
    sigset_t before;

    link_enter(linker, phase);
    atomic_store(&linker->stop, false);
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    for (int i = 1; i < link_threads(linker) && count > (size_t) i * chunk; i++) {
        worker[threads] = (Worker){.parallel = &parallel, .number = threads};
        atomic_fetch_add(&parallel.working, 1);
        if (pthread_create(&worker[threads].thread, NULL, work, &worker[threads]) == 0)
            threads++;
        else
            atomic_fetch_sub(&parallel.working, 1); /* it goes without */
    }
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    worker[0] = (Worker){.parallel = &parallel};
    work(&worker[0]);
    while (atomic_load(&parallel.working) > 0) {
        const struct timespec pause = {.tv_nsec = 2000000};

        ask(&parallel);
        nanosleep(&pause, NULL);
    }
    for (int i = 1; i < threads; i++)
        pthread_join(worker[i].thread, NULL);
    return !atomic_load(&linker->stop);
}
