SELECT (EventDetails->>'$.Executable') AS Executable, count(*) AS Starts, count(DISTINCT DeviceId) AS Devices
FROM raw_event WHERE RawEventName = 'ProcessCreate' GROUP BY Executable ORDER BY Devices
