SELECT TimeGenerated, DisplayName, AlertSeverity, Description, ExtendedProperties FROM alert
WHERE instr(lower(ExtendedProperties), lower('{device}')) > 0
