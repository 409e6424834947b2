/*
 * inquiry.h: what is asked of a journey: steps, window, order, anchor. The arguments of SQL, read once.
 *
 * Steps are an array of texts, in order:
 *   100       the position
 *   100|200   either
 *   300?      optional
 *   !900      must not happen between the required step before and the one after
 * or an array of integers, positions all. Up to 64 steps.
 */
#ifndef CRM_FUNNEL_INQUIRY_H
#define CRM_FUNNEL_INQUIRY_H

#include "base/compat.h"
#include "funnel/attempt.h"

#include "datatype/timestamp.h"
#include "fmgr.h"

typedef struct Inquiry Inquiry;

/*
 * Which of the words a text is; RM005 otherwise, where `what` says what they are of: "mode of a funnel". words are two or three.
 */
extern int crm_word_read(Datum argument, const char *what, const char *const *words, int count);

/* A window in microseconds; RM005 where it is negative or has months. */
extern int64 crm_window_read(Interval *within);

/*
 * The inquiry in the arguments of a call from number first on: steps, and as many as there are of within (interval),
 * order, anchor (text), gap (interval); what follows them is the caller's. It is kept with the call, and read anew where an argument differs from the call before.
 * Errors are RM005.
 */
extern Inquiry *crm_inquiry(FunctionCallInfo fcinfo, int first);
extern int crm_inquiry_steps(const Inquiry *inquiry);
extern const AttemptRule *crm_inquiry_rule(const Inquiry *inquiry);
/* Required steps that the journey reaches; unordered: steps. */
extern int crm_inquiry_depth(Inquiry *inquiry, struct varlena *journey);
/* Steps that the journey reaches, as bits. */
extern uint64 crm_inquiry_reached(Inquiry *inquiry, struct varlena *journey);
/* The best attempt whole. */
extern void crm_inquiry_attempt(Inquiry *inquiry, struct varlena *journey, Attempt *attempt);
/* The steps of an attempt that an event of another journey is just as well, by position and time; as bits. */
extern uint64 crm_inquiry_taken_at(const Inquiry *inquiry, const Attempt *attempt, struct varlena *journey);

#endif
