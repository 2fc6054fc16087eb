WITH starts AS MATERIALIZED (
  SELECT (EventDetails->>'$.TimestampLocal') AS TimestampLocal, (EventDetails->>'$.Executable') AS Executable,
    (EventDetails->>'$.UserId') AS UserId, (EventDetails->>'$.CommandLine') AS CommandLine
  FROM raw_event WHERE DeviceId = '{device}' AND RawEventName = 'ProcessCreate'),
users AS MATERIALIZED (
  SELECT DISTINCT (EventDetails->>'$.UserId') AS UserId, (EventDetails->>'$.UserName') AS UserName
  FROM raw_event WHERE DeviceId = '{device}' AND RawEventName = 'LocalUsers')
SELECT Executable, count(*) AS CntExecutions, min(TimestampLocal), max(TimestampLocal),
  json_group_array(DISTINCT 'Id:' || starts.UserId || ', Name:' || coalesce(UserName, '')),
  json_group_array(DISTINCT CommandLine)
FROM starts LEFT JOIN users ON starts.UserId = users.UserId GROUP BY Executable
