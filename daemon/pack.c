/*
 * pack.c: one call after the other while there is work, else a look every second: while fewer journeys than a limited number have
 * changed they cost readers little, and packing many at once costs less than each for itself. With nothing to pack it keeps the day's
 * forecasts, which the database knows to be once a day.
 */
#include "pack.h"

#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "log.h"

#define LOOK_EVERY_MS 1000
#define FORECAST_EVERY_MS 600000 /* asks whether today's are kept */

static void
end_cycle(struct Pack *pack, bool found_work)
{
    pack->busy = false;
    if (pack->settings.once && !found_work)
        pack->drained = true;
    else if (!pack->stopping)
        loop_timer_in(&pack->timer, found_work ? 0 : LOOK_EVERY_MS);
}

static void
on_forecasts(void *arg, const struct ConnAnswer *answer)
{
    struct Pack *pack = arg;
    int64_t kept;

    if (answer->outcome == CONN_LOST) {
        pack->busy = false;
        return;
    }
    if (answer->outcome == CONN_ERROR) {
        if (!pack->stopping) {
            pack->failures++;
            schedule_failed(&pack->forecast_trouble, clock_now_ms(), schedule_seed("keep_forecasts"));
            conn_log_failed(answer, "keep_forecasts");
        }
        end_cycle(pack, false);
        return;
    }
    schedule_worked(&pack->forecast_trouble);
    pack->forecast_due_ms = clock_now_ms() + FORECAST_EVERY_MS;
    kept = PQntuples(answer->result) == 1 ? strtoll(PQgetvalue(answer->result, 0, 0), NULL, 10) : 0;
    if (kept > 0)
        log_info("forecasts-kept", LOG_NUMBER("forecasts", kept));
    end_cycle(pack, false);
}

static void
ask_forecasts(struct Pack *pack)
{
    int64_t now_ms = clock_now_ms();

    if (!pack->stopping && now_ms >= pack->forecast_due_ms &&
        schedule_allows(&pack->forecast_trouble, now_ms))
        conn_call(
            &pack->conn,
            &(struct ConnCall){.sql = "SELECT {crm}.keep_forecasts()", .done = on_forecasts, .arg = pack});
    else
        end_cycle(pack, false);
}

static void
on_packed(void *arg, const struct ConnAnswer *answer)
{
    struct Pack *pack = arg;
    int64_t packed;

    if (answer->outcome == CONN_LOST) { /* the connection comes back and begins a cycle */
        pack->busy = false;
        return;
    }
    if (answer->outcome == CONN_ERROR) {
        if (!pack->stopping) {
            pack->failures++;
            schedule_failed(&pack->trouble, clock_now_ms(), schedule_seed("pack_journeys"));
            conn_log_failed(answer, "pack_journeys");
        }
        end_cycle(pack, false);
        return;
    }
    schedule_worked(&pack->trouble);
    packed = PQntuples(answer->result) == 1 ? strtoll(PQgetvalue(answer->result, 0, 0), NULL, 10) : 0;
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

    if (pack->busy || pack->stopping || pack->drained || !conn_free(&pack->conn))
        return;
    if (!schedule_allows(&pack->trouble, clock_now_ms())) {
        end_cycle(pack, false);
        return;
    }
    pack->busy = true;
    conn_call(&pack->conn,
              &(struct ConnCall){.sql = "SELECT {crm}.pack_journeys()", .done = on_packed, .arg = pack});
}

void
pack_open(struct Pack *pack, const struct WorkerSettings *settings)
{
    struct ConnSettings conn = {.name = "pack",
                                .dsn = settings->config->dsn,
                                .connect_timeout_ms = settings->config->connect_timeout_s * 1000,
                                .once = settings->once};

    memset(pack, 0, sizeof *pack);
    pack->settings = *settings;
    pack->timer.due = begin_cycle;
    pack->timer.arg = pack;
    loop_timer_add(settings->loop, &pack->timer);
    conn_open(&pack->conn, settings->loop, &conn, begin_cycle, pack);
}

void
pack_close(struct Pack *pack)
{
    loop_timer_off(&pack->timer);
    conn_close(&pack->conn);
}

void
pack_stop(struct Pack *pack)
{
    pack->stopping = true;
    loop_timer_off(&pack->timer);
    if (pack->busy)
        conn_cancel(&pack->conn);
}

bool
pack_idle(const struct Pack *pack)
{
    return !pack->busy && (!pack->settings.once || pack->stopping || pack->drained);
}
