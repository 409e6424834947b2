/*
 * machine.c: see machine.h.
 */
#include "alert/machine.h"

CrmRulePhase
crm_rule_step(CrmRulePhase phase, CrmRuleReading reading, int64_t held_ms, int64_t hold_ms)
{
    switch (phase) {
    case CRM_PHASE_OK:
        if (reading != CRM_READING_BREACH)
            return CRM_PHASE_OK;
        return hold_ms > 0 ? CRM_PHASE_PENDING : CRM_PHASE_FIRING;
    case CRM_PHASE_PENDING:
        if (reading != CRM_READING_BREACH)
            return CRM_PHASE_OK;
        return held_ms >= hold_ms ? CRM_PHASE_FIRING : CRM_PHASE_PENDING;
    case CRM_PHASE_FIRING:
        return reading == CRM_READING_CLEAR ? CRM_PHASE_OK : CRM_PHASE_FIRING;
    }
    return phase;
}
