SELECT TimeGenerated, DisplayName, AlertSeverity, Description, ExtendedProperties FROM alert
WHERE contains(lower(ExtendedProperties), lower('{device}'))
