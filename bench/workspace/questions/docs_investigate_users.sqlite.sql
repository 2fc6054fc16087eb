SELECT (EventDetails->>'$.GroupNames') AS GroupNames, (EventDetails->>'$.UserName') AS UserName,
  min((EventDetails->>'$.TimestampLocal')) AS FirstObserved
FROM raw_event WHERE DeviceId = '{device}' AND RawEventName = 'LocalUsers' GROUP BY 1, 2
