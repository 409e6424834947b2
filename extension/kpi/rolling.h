/*
 * rolling.h: several forecasts of the same days made one, with an interval, by how far each was off when it was made before. Plain C:
 * knows nothing of Postgres.
 *
 * Origins are the days on which a forecast is, or could have been, made, the newest first. A forecast is judged at an origin only by origins
 * whose days were over by then.
 */
#ifndef CRM_KPI_ROLLING_H
#define CRM_KPI_ROLLING_H

#include <stdbool.h>
#include <stddef.h>

#define ROLLING_ORIGINS_MIN 9 /* for sources to have weights of their own */
#define ROLLING_SOURCES_MAX 5

/* All arrays have origins * ahead numbers, one origin after another; NaN is not known. */
typedef struct Rolling {
    size_t origins;
    size_t ahead;
    size_t step;                             /* days between two origins */
    const double *actual;                    /* NaN where the days are not over */
    const double *path[ROLLING_SOURCES_MAX]; /* what each source expected */
    const double *size;                      /* errors are taken in units of its root; NULL: as they are */
    int sources;
    int models;     /* how many, from the first, are taken where none was judged */
    double share;   /* of the actual values that the interval is to hold */
    double *errors; /* room for origins numbers */
} Rolling;

typedef struct RollingForecast {
    double value;
    double low, high; /* NaN where there are too few errors */
    size_t errors;    /* how many it rests on */
} RollingForecast;

/*
 * Weights of the sources at an origin, adding up to 1: each by the inverse square of its mean squared error over the whole horizon, as a share
 * of the first source's at the same origins. The first source always knows. Sources that were judged at too few origins have none; where that
 * is true of all, the models have equal ones. A source that knows nothing has none, and where one knew nothing at an earlier origin the others
 * stand for it there.
 */
extern void rolling_weights(const Rolling *rolling, size_t origin, double *weight);

/*
 * The forecast of day `day` (0 is the first ahead) at an origin. The interval is between the order statistics of the errors with that weight that
 * leave (1 - share) / 2 of one more than there are on either side: it is as wide as they were, and no curve is assumed. Errors of horizons that
 * overlap count as those that fit side by side; of n such the lowest and the highest hold (n - 1) / (n + 1) of what is to come, and where
 * that is less than the share there is no interval: four in five take nine. It always holds the value itself.
 */
extern RollingForecast rolling_forecast(const Rolling *rolling, size_t origin, size_t day,
                                        const double *weight);

#endif
