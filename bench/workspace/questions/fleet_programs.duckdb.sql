-- approximate
SELECT f_Executable AS Executable, count(*) AS Starts, approx_count_distinct(DeviceId) AS Devices
FROM raw_event WHERE RawEventName = 'ProcessCreate' GROUP BY Executable ORDER BY Devices
