/*
 * machine.c: see machine.h.
 */
#include "alert/machine.h"

CrmRulePhase
crm_rule_step(CrmRulePhase phase, CrmRuleReading reading, int64_t lasted_ms, int64_t hold_ms,
              int64_t clear_ms)
{
    switch (phase) {
    case CRM_PHASE_OK:
        if (reading != CRM_READING_BREACH)
            return CRM_PHASE_OK;
        return hold_ms > 0 ? CRM_PHASE_PENDING : CRM_PHASE_FIRING;
    case CRM_PHASE_PENDING:
        if (reading != CRM_READING_BREACH)
            return CRM_PHASE_OK;
        return lasted_ms >= hold_ms ? CRM_PHASE_FIRING : CRM_PHASE_PENDING;
    case CRM_PHASE_FIRING:
        if (reading != CRM_READING_CLEAR)
            return CRM_PHASE_FIRING;
        return clear_ms > 0 ? CRM_PHASE_HELD : CRM_PHASE_OK;
    case CRM_PHASE_HELD:
        if (reading == CRM_READING_BREACH || reading == CRM_READING_BETWEEN)
            return CRM_PHASE_FIRING;
        return reading == CRM_READING_CLEAR && lasted_ms >= clear_ms ? CRM_PHASE_OK : CRM_PHASE_HELD;
    }
    return phase;
}
