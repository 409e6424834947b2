/*
 * machine.h: the state machine of a rule, as pure logic.
 *
 * Says what becomes of a rule's phase when a new reading arrives. It knows neither levels nor numbers (the caller
 * turns a number into a reading), no clock (the caller says how long the breach has lasted) and no alert.
 *
 *   ok       breach: fires at once, or is pending where the breach has to last
 *   pending  breach: fires once it lasted; anything else: lapses, since the breach was not continuous
 *   firing   clear: resolves, or is held where clear has to last; no number: stays, since silence is not recovery; between the
 *            levels: stays
 *   held     clear: resolves once it lasted; breach or between the levels: fires on, the same alert; no number: stays
 *
 * No usable number therefore never fires.
 */
#ifndef CRM_ALERT_MACHINE_H
#define CRM_ALERT_MACHINE_H

#include <stdint.h>

typedef enum CrmRulePhase { CRM_PHASE_OK, CRM_PHASE_PENDING, CRM_PHASE_FIRING, CRM_PHASE_HELD } CrmRulePhase;

typedef enum CrmRuleReading {
    CRM_READING_NONE,    /* no number, or too little behind it */
    CRM_READING_CLEAR,   /* at the clear level or better */
    CRM_READING_BETWEEN, /* neither clear nor in breach */
    CRM_READING_BREACH
} CrmRuleReading;

/*
 * lasted_ms: how long the rule has been in this phase; hold_ms: how long a breach must last before it fires; clear_ms: how long it must
 * have been clear before it resolves. Negative counts as 0.
 */
CrmRulePhase crm_rule_step(CrmRulePhase phase, CrmRuleReading reading, int64_t lasted_ms, int64_t hold_ms,
                           int64_t clear_ms);

#endif
