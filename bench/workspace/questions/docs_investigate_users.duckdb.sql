SELECT (EventDetails->>'$.GroupNames') AS GroupNames, f_UserName AS UserName,
  min(TimeStamp) AS FirstObserved
FROM raw_event WHERE DeviceId = '{device}' AND RawEventName = 'LocalUsers' GROUP BY 1, 2
