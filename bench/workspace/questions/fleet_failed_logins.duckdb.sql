-- approximate
SELECT f_RemoteAddress AS Address, count(*) AS Failed, approx_count_distinct(DeviceId) AS Devices
FROM raw_event WHERE RawEventName = 'Login' AND f_Result = 'Fail'
GROUP BY Address ORDER BY Failed DESC LIMIT 20
