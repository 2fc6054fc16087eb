WITH latest AS (
  SELECT DeviceId, max(TimeStamp) AS TimeStamp FROM raw_event WHERE RawEventName = 'OSBaseline' GROUP BY DeviceId)
SELECT (e.EventDetails->>'$.CceId') AS "Check", (e.EventDetails->>'$.Severity') AS Severity, count(*) AS Devices
FROM latest JOIN raw_event e
  ON e.DeviceId = latest.DeviceId AND e.RawEventName = 'OSBaseline' AND e.TimeStamp = latest.TimeStamp
WHERE (e.EventDetails->>'$.Result') = 'Fail' GROUP BY 1, 2
