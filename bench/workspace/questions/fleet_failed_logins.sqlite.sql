SELECT (EventDetails->>'$.RemoteAddress') AS Address, count(*) AS Failed, count(DISTINCT DeviceId) AS Devices
FROM raw_event WHERE RawEventName = 'Login' AND (EventDetails->>'$.Result') = 'Fail'
GROUP BY Address ORDER BY Failed DESC LIMIT 20
