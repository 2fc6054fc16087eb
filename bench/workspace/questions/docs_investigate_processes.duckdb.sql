WITH starts AS (
  SELECT TimeStamp, f_Executable AS Executable,
    f_UserId AS UserId, f_CommandLine AS CommandLine
  FROM raw_event WHERE DeviceId = '{device}' AND RawEventName = 'ProcessCreate'),
users AS (
  SELECT DISTINCT f_UserId AS UserId, f_UserName AS UserName
  FROM raw_event WHERE DeviceId = '{device}' AND RawEventName = 'LocalUsers')
SELECT Executable, count(*) AS CntExecutions, min(TimeStamp) AS MinObservedTime,
  max(TimeStamp) AS MaxObservedTime,
  list(DISTINCT concat('Id:', starts.UserId, ', Name:', UserName))[:128] AS ExecutingUsers,
  list(DISTINCT CommandLine)[:128] AS ExecutionCommandLines
FROM starts LEFT JOIN users ON starts.UserId = users.UserId GROUP BY Executable
