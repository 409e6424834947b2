/*
 * pack.c: one call after the other while there is work, else a look every second: while fewer journeys than a limited number have
 * changed they cost readers little, and packing many at once costs less than each for itself. With nothing to pack it keeps the day's
 * forecasts, which the database knows to be once a day.
 */
#include "pack.h"

#include "clock.h"
#include "log.h"

#define LOOK_EVERY_MS 1000
#define FORECAST_EVERY_MS 600000 /* asks whether today's are kept */

static void
end_cycle(struct Pack *pack, bool found_work)
{
    pack->worker.busy = false;
    if (pack->worker.settings.once && !found_work)
        pack->worker.drained = true;
    else if (!pack->worker.stopping)
        loop_timer_in(&pack->worker.timer, found_work ? 0 : LOOK_EVERY_MS);
}

/* What is under way when it stops is cancelled, which is no failure. */
static void
on_failed(struct Pack *pack, struct Trouble *trouble, const char *call, const struct ConnAnswer *answer)
{
    if (pack->worker.stopping ? !worker_lost(&pack->worker, answer)
                              : worker_survives(&pack->worker, trouble, call, answer))
        end_cycle(pack, false);
}

static void
on_forecasts(void *arg, const struct ConnAnswer *answer)
{
    struct Pack *pack = arg;
    int64_t kept;

    if (answer->outcome != CONN_DONE) {
        on_failed(pack, &pack->forecast_trouble, "keep_forecasts", answer);
        return;
    }
    schedule_worked(&pack->forecast_trouble);
    pack->forecast_due_ms = clock_now_ms() + FORECAST_EVERY_MS;
    kept = conn_number(answer);
    if (kept > 0)
        log_info("forecasts-kept", LOG_NUMBER("forecasts", kept));
    end_cycle(pack, false);
}

static void
ask_forecasts(struct Pack *pack)
{
    int64_t now_ms = clock_now_ms();

    if (!pack->worker.stopping && now_ms >= pack->forecast_due_ms &&
        schedule_allows(&pack->forecast_trouble, now_ms))
        conn_call(
            &pack->worker.conn,
            &(struct ConnCall){.sql = "SELECT {crm}.keep_forecasts()", .done = on_forecasts, .arg = pack});
    else
        end_cycle(pack, false);
}

static void
on_packed(void *arg, const struct ConnAnswer *answer)
{
    struct Pack *pack = arg;
    int64_t packed;

    if (answer->outcome != CONN_DONE) {
        on_failed(pack, &pack->trouble, "pack_journeys", answer);
        return;
    }
    schedule_worked(&pack->trouble);
    packed = conn_number(answer);
    if (packed > 0)
        log_debug("packed", LOG_NUMBER("changes", packed));
    if (packed > 0)
        end_cycle(pack, true);
    else
        ask_forecasts(pack);
}

static void
begin_cycle(void *arg)
{
    struct Pack *pack = arg;

    if (!worker_may_begin(&pack->worker))
        return;
    if (!schedule_allows(&pack->trouble, clock_now_ms())) {
        end_cycle(pack, false);
        return;
    }
    pack->worker.busy = true;
    conn_call(&pack->worker.conn,
              &(struct ConnCall){.sql = "SELECT {crm}.pack_journeys()", .done = on_packed, .arg = pack});
}

const struct WorkerKind pack_kind = {
    .name = "pack", .connected = begin_cycle, .due = begin_cycle, .stop = worker_cancel};
