#include "dissect/rpc/interfaces.h"

#include <algorithm>

#include "dissect/reader.h"

namespace dissect::rpc {

namespace {

using enum Access;

constexpr Procedure kServices[] = {
    {0, "CloseServiceHandle", None},
    {1, "ControlService", Write},
    {2, "DeleteService", ConfigWrite},
    {3, "LockServiceDatabase", ConfigWrite},
    {4, "QueryServiceObjectSecurity", ConfigRead},
    {5, "SetServiceObjectSecurity", ConfigWrite},
    {6, "QueryServiceStatus", Read},
    {7, "SetServiceStatus", Write},
    {8, "UnlockServiceDatabase", ConfigWrite},
    {11, "ChangeServiceConfigW", ConfigWrite},
    {12, "CreateServiceW", ConfigWrite},
    {13, "EnumDependentServicesW", Read},
    {14, "EnumServicesStatusW", Discovery},
    {15, "OpenSCManagerW", Session},
    {16, "OpenServiceW", Session},
    {17, "QueryServiceConfigW", ConfigRead},
    {18, "QueryServiceLockStatusW", Read},
    {19, "StartServiceW", Start},
    {20, "GetServiceDisplayNameW", Read},
    {21, "GetServiceKeyNameW", Read},
    {23, "ChangeServiceConfigA", ConfigWrite},
    {24, "CreateServiceA", ConfigWrite},
    {26, "EnumServicesStatusA", Discovery},
    {27, "OpenSCManagerA", Session},
    {28, "OpenServiceA", Session},
    {29, "QueryServiceConfigA", ConfigRead},
    {31, "StartServiceA", Start},
    {36, "ChangeServiceConfig2A", ConfigWrite},
    {37, "ChangeServiceConfig2W", ConfigWrite},
    {38, "QueryServiceConfig2A", ConfigRead},
    {39, "QueryServiceConfig2W", ConfigRead},
    {40, "QueryServiceStatusEx", Read},
    {41, "EnumServicesStatusExA", Discovery},
    {42, "EnumServicesStatusExW", Discovery},
    {44, "CreateServiceWOW64A", ConfigWrite},
    {45, "CreateServiceWOW64W", ConfigWrite},
    {50, "ControlServiceExA", Write},
    {51, "ControlServiceExW", Write},
    {60, "CreateWowService", ConfigWrite},
    {64, "OpenSCManager2", Session},
};

constexpr Procedure kAccounts[] = {
    {0, "SamrConnect", Session},
    {1, "SamrCloseHandle", None},
    {2, "SamrSetSecurityObject", ConfigWrite},
    {3, "SamrQuerySecurityObject", ConfigRead},
    {5, "SamrLookupDomainInSamServer", Read},
    {6, "SamrEnumerateDomainsInSamServer", Discovery},
    {7, "SamrOpenDomain", Session},
    {8, "SamrQueryInformationDomain", Read},
    {9, "SamrSetInformationDomain", ConfigWrite},
    {10, "SamrCreateGroupInDomain", ConfigWrite},
    {11, "SamrEnumerateGroupsInDomain", Discovery},
    {12, "SamrCreateUserInDomain", ConfigWrite},
    {13, "SamrEnumerateUsersInDomain", Discovery},
    {14, "SamrCreateAliasInDomain", ConfigWrite},
    {15, "SamrEnumerateAliasesInDomain", Discovery},
    {16, "SamrGetAliasMembership", Read},
    {17, "SamrLookupNamesInDomain", Read},
    {18, "SamrLookupIdsInDomain", Read},
    {19, "SamrOpenGroup", Session},
    {20, "SamrQueryInformationGroup", Read},
    {21, "SamrSetInformationGroup", ConfigWrite},
    {22, "SamrAddMemberToGroup", ConfigWrite},
    {23, "SamrDeleteGroup", ConfigWrite},
    {24, "SamrRemoveMemberFromGroup", ConfigWrite},
    {25, "SamrGetMembersInGroup", Discovery},
    {27, "SamrOpenAlias", Session},
    {28, "SamrQueryInformationAlias", Read},
    {29, "SamrSetInformationAlias", ConfigWrite},
    {30, "SamrDeleteAlias", ConfigWrite},
    {31, "SamrAddMemberToAlias", ConfigWrite},
    {32, "SamrRemoveMemberFromAlias", ConfigWrite},
    {33, "SamrGetMembersInAlias", Discovery},
    {34, "SamrOpenUser", Session},
    {35, "SamrDeleteUser", ConfigWrite},
    {36, "SamrQueryInformationUser", Read},
    {37, "SamrSetInformationUser", ConfigWrite},
    {38, "SamrChangePasswordUser", Authentication},
    {39, "SamrGetGroupsForUser", Read},
    {40, "SamrQueryDisplayInformation", Discovery},
    {44, "SamrGetUserDomainPasswordInformation", Read},
    {46, "SamrQueryInformationDomain2", Read},
    {47, "SamrQueryInformationUser2", Read},
    {48, "SamrQueryDisplayInformation2", Discovery},
    {50, "SamrCreateUser2InDomain", ConfigWrite},
    {51, "SamrQueryDisplayInformation3", Discovery},
    {54, "SamrOemChangePasswordUser2", Authentication},
    {55, "SamrUnicodeChangePasswordUser2", Authentication},
    {56, "SamrGetDomainPasswordInformation", Read},
    {57, "SamrConnect2", Session},
    {58, "SamrSetInformationUser2", ConfigWrite},
    {62, "SamrConnect4", Session},
    {64, "SamrConnect5", Session},
    {65, "SamrRidToSid", Read},
    {67, "SamrValidatePassword", Authentication},
};

constexpr Procedure kPolicy[] = {
    {0, "LsarClose", None},
    {2, "LsarEnumeratePrivileges", Discovery},
    {3, "LsarQuerySecurityObject", ConfigRead},
    {4, "LsarSetSecurityObject", ConfigWrite},
    {6, "LsarOpenPolicy", Session},
    {7, "LsarQueryInformationPolicy", Read},
    {8, "LsarSetInformationPolicy", ConfigWrite},
    {10, "LsarCreateAccount", ConfigWrite},
    {11, "LsarEnumerateAccounts", Discovery},
    {12, "LsarCreateTrustedDomain", ConfigWrite},
    {13, "LsarEnumerateTrustedDomains", Discovery},
    {14, "LsarLookupNames", Read},
    {15, "LsarLookupSids", Read},
    {16, "LsarCreateSecret", ConfigWrite},
    {17, "LsarOpenAccount", Session},
    {28, "LsarOpenSecret", Session},
    {29, "LsarSetSecret", ConfigWrite},
    {30, "LsarQuerySecret", ConfigRead},
    {35, "LsarEnumerateAccountsWithUserRight", Discovery},
    {36, "LsarEnumerateAccountRights", Discovery},
    {37, "LsarAddAccountRights", ConfigWrite},
    {38, "LsarRemoveAccountRights", ConfigWrite},
    {42, "LsarStorePrivateData", ConfigWrite},
    {43, "LsarRetrievePrivateData", ConfigRead},
    {44, "LsarOpenPolicy2", Session},
    {45, "LsarGetUserName", Read},
    {46, "LsarQueryInformationPolicy2", Read},
    {47, "LsarSetInformationPolicy2", ConfigWrite},
    {57, "LsarLookupSids2", Read},
    {58, "LsarLookupNames2", Read},
    {68, "LsarLookupNames3", Read},
    {76, "LsarLookupSids3", Read},
    {77, "LsarLookupNames4", Read},
};

constexpr Procedure kLogon[] = {
    {2, "NetrLogonSamLogon", Authentication},
    {3, "NetrLogonSamLogoff", Authentication},
    {4, "NetrServerReqChallenge", Authentication},
    {5, "NetrServerAuthenticate", Authentication},
    {6, "NetrServerPasswordSet", ConfigWrite},
    {7, "NetrDatabaseDeltas", ConfigRead},
    {8, "NetrDatabaseSync", ConfigRead},
    {11, "NetrGetDCName", Discovery},
    {12, "NetrLogonControl", Write},
    {14, "NetrLogonControl2", Write},
    {15, "NetrServerAuthenticate2", Authentication},
    {18, "NetrLogonControl2Ex", Write},
    {20, "DsrGetDcName", Discovery},
    {21, "NetrLogonGetCapabilities", Session},
    {26, "NetrServerAuthenticate3", Authentication},
    {27, "DsrGetDcNameEx", Discovery},
    {28, "DsrGetSiteName", Discovery},
    {29, "NetrLogonGetDomainInfo", Discovery},
    {30, "NetrServerPasswordSet2", ConfigWrite},
    {31, "NetrServerPasswordGet", ConfigRead},
    {34, "DsrGetDcNameEx2", Discovery},
    {39, "NetrLogonSamLogonEx", Authentication},
    {40, "DsrEnumerateDomainTrusts", Discovery},
    {42, "NetrServerTrustPasswordsGet", ConfigRead},
    {45, "NetrLogonSamLogonWithFlags", Authentication},
};

constexpr Procedure kServer[] = {
    {8, "NetrConnectionEnum", Discovery},
    {9, "NetrFileEnum", Discovery},
    {10, "NetrFileGetInfo", Read},
    {11, "NetrFileClose", Write},
    {12, "NetrSessionEnum", Discovery},
    {13, "NetrSessionDel", Write},
    {14, "NetrShareAdd", ConfigWrite},
    {15, "NetrShareEnum", Discovery},
    {16, "NetrShareGetInfo", Read},
    {17, "NetrShareSetInfo", ConfigWrite},
    {18, "NetrShareDel", ConfigWrite},
    {21, "NetrServerGetInfo", Discovery},
    {22, "NetrServerSetInfo", ConfigWrite},
    {23, "NetrServerDiskEnum", Discovery},
    {24, "NetrServerStatisticsGet", Read},
    {28, "NetrRemoteTOD", Read},
    {30, "NetprPathType", Read},
    {31, "NetprPathCanonicalize", Read},
    {32, "NetprPathCompare", Read},
    {33, "NetprNameValidate", Read},
    {34, "NetprNameCanonicalize", Read},
    {36, "NetrShareEnumSticky", Discovery},
};

constexpr Procedure kWorkstation[] = {
    {0, "NetrWkstaGetInfo", Discovery},     {1, "NetrWkstaSetInfo", ConfigWrite},
    {2, "NetrWkstaUserEnum", Discovery},    {5, "NetrWkstaTransportEnum", Discovery},
    {20, "NetrGetJoinInformation", Read},   {22, "NetrJoinDomain2", ConfigWrite},
    {23, "NetrUnjoinDomain2", ConfigWrite}, {24, "NetrRenameMachineInDomain2", ConfigWrite},
    {25, "NetrValidateName2", Read},
};

constexpr Procedure kRegistry[] = {
    {0, "OpenClassesRoot", Session},
    {1, "OpenCurrentUser", Session},
    {2, "OpenLocalMachine", Session},
    {3, "OpenPerformanceData", Session},
    {4, "OpenUsers", Session},
    {5, "BaseRegCloseKey", None},
    {6, "BaseRegCreateKey", ConfigWrite},
    {7, "BaseRegDeleteKey", ConfigWrite},
    {8, "BaseRegDeleteValue", ConfigWrite},
    {9, "BaseRegEnumKey", ConfigRead},
    {10, "BaseRegEnumValue", ConfigRead},
    {11, "BaseRegFlushKey", ConfigWrite},
    {12, "BaseRegGetKeySecurity", ConfigRead},
    {13, "BaseRegLoadKey", ConfigWrite},
    {15, "BaseRegOpenKey", ConfigRead},
    {16, "BaseRegQueryInfoKey", ConfigRead},
    {17, "BaseRegQueryValue", ConfigRead},
    {18, "BaseRegReplaceKey", ConfigWrite},
    {19, "BaseRegRestoreKey", ConfigWrite},
    {20, "BaseRegSaveKey", ConfigRead},
    {21, "BaseRegSetKeySecurity", ConfigWrite},
    {22, "BaseRegSetValue", ConfigWrite},
    {23, "BaseRegUnLoadKey", ConfigWrite},
    {24, "BaseInitiateSystemShutdown", Reset},
    {25, "BaseAbortSystemShutdown", Write},
    {26, "BaseRegGetVersion", Read},
    {27, "OpenCurrentConfig", Session},
    {29, "BaseRegQueryMultipleValues", ConfigRead},
    {30, "BaseInitiateSystemShutdownEx", Reset},
    {31, "BaseRegSaveKeyEx", ConfigRead},
    {35, "BaseRegDeleteKeyEx", ConfigWrite},
};

constexpr Procedure kShutdown[] = {
    {0, "BaseInitiateShutdown", Reset},
    {1, "BaseAbortShutdown", Write},
    {2, "BaseInitiateShutdownEx", Reset},
};

constexpr Procedure kJobs[] = {
    {0, "NetrJobAdd", ConfigWrite},
    {1, "NetrJobDel", ConfigWrite},
    {2, "NetrJobEnum", Discovery},
    {3, "NetrJobGetInfo", Read},
};

constexpr Procedure kTasks[] = {
    {0, "SchRpcHighestVersion", Read},
    {1, "SchRpcRegisterTask", ConfigWrite},
    {2, "SchRpcRetrieveTask", ConfigRead},
    {3, "SchRpcCreateFolder", ConfigWrite},
    {4, "SchRpcSetSecurity", ConfigWrite},
    {5, "SchRpcGetSecurity", ConfigRead},
    {6, "SchRpcEnumFolders", Discovery},
    {7, "SchRpcEnumTasks", Discovery},
    {8, "SchRpcEnumInstances", Discovery},
    {9, "SchRpcGetInstanceInfo", Read},
    {10, "SchRpcStopInstance", Stop},
    {11, "SchRpcStop", Stop},
    {12, "SchRpcRun", Start},
    {13, "SchRpcDelete", ConfigWrite},
    {14, "SchRpcRename", ConfigWrite},
    {15, "SchRpcScheduledRuntimes", Read},
    {16, "SchRpcGetLastRunInfo", Read},
    {17, "SchRpcGetTaskInfo", Read},
    {18, "SchRpcGetNumberOfMissedRuns", Read},
    {19, "SchRpcEnableTask", ConfigWrite},
};

constexpr Procedure kEndpoints[] = {
    {0, "ept_insert", ConfigWrite},      {1, "ept_delete", ConfigWrite},
    {2, "ept_lookup", Discovery},        {3, "ept_map", Discovery},
    {4, "ept_lookup_handle_free", None}, {5, "ept_inq_object", Read},
    {6, "ept_mgmt_delete", ConfigWrite},
};

constexpr Procedure kManagement[] = {
    {0, "rpc_mgmt_inq_if_ids", Discovery},     {1, "rpc_mgmt_inq_stats", Read},
    {2, "rpc_mgmt_is_server_listening", Read}, {3, "rpc_mgmt_stop_server_listening", Stop},
    {4, "rpc_mgmt_inq_princ_name", Read},
};

constexpr Procedure kReplication[] = {
    {0, "IDL_DRSBind", Session},
    {1, "IDL_DRSUnbind", None},
    {2, "IDL_DRSReplicaSync", ConfigWrite},
    {3, "IDL_DRSGetNCChanges", ConfigRead},
    {4, "IDL_DRSUpdateRefs", ConfigWrite},
    {5, "IDL_DRSReplicaAdd", ConfigWrite},
    {6, "IDL_DRSReplicaDel", ConfigWrite},
    {7, "IDL_DRSReplicaModify", ConfigWrite},
    {8, "IDL_DRSVerifyNames", Read},
    {9, "IDL_DRSGetMemberships", Read},
    {10, "IDL_DRSInterDomainMove", ConfigWrite},
    {11, "IDL_DRSGetNT4ChangeLog", Read},
    {12, "IDL_DRSCrackNames", Read},
    {13, "IDL_DRSWriteSPN", ConfigWrite},
    {14, "IDL_DRSRemoveDsServer", ConfigWrite},
    {15, "IDL_DRSRemoveDsDomain", ConfigWrite},
    {16, "IDL_DRSDomainControllerInfo", Discovery},
    {17, "IDL_DRSAddEntry", ConfigWrite},
    {18, "IDL_DRSExecuteKCC", Write},
    {19, "IDL_DRSGetReplInfo", Read},
    {20, "IDL_DRSAddSidHistory", ConfigWrite},
};

constexpr Procedure kPrinting[] = {
    {0, "RpcEnumPrinters", Discovery},
    {1, "RpcOpenPrinter", Session},
    {2, "RpcSetJob", Write},
    {3, "RpcGetJob", Read},
    {4, "RpcEnumJobs", Read},
    {5, "RpcAddPrinter", ConfigWrite},
    {6, "RpcDeletePrinter", ConfigWrite},
    {7, "RpcSetPrinter", ConfigWrite},
    {8, "RpcGetPrinter", Read},
    {9, "RpcAddPrinterDriver", ConfigWrite},
    {10, "RpcEnumPrinterDrivers", Discovery},
    {11, "RpcGetPrinterDriver", Read},
    {12, "RpcGetPrinterDriverDirectory", Read},
    {13, "RpcDeletePrinterDriver", ConfigWrite},
    {14, "RpcAddPrintProcessor", ConfigWrite},
    {17, "RpcStartDocPrinter", Write},
    {18, "RpcStartPagePrinter", Write},
    {19, "RpcWritePrinter", Write},
    {20, "RpcEndPagePrinter", Write},
    {21, "RpcAbortPrinter", Write},
    {22, "RpcReadPrinter", Read},
    {23, "RpcEndDocPrinter", Write},
    {24, "RpcAddJob", Write},
    {25, "RpcScheduleJob", Write},
    {26, "RpcGetPrinterData", Read},
    {27, "RpcSetPrinterData", ConfigWrite},
    {29, "RpcClosePrinter", None},
    {65, "RpcRemoteFindFirstPrinterChangeNotificationEx", Read},
    {69, "RpcOpenPrinterEx", Session},
    {70, "RpcAddPrinterEx", ConfigWrite},
    {89, "RpcAddPrinterDriverEx", ConfigWrite},
};

constexpr Procedure kResolver[] = {
    {0, "ResolveOxid", Discovery}, {1, "SimplePing", None},        {2, "ComplexPing", None},
    {3, "ServerAlive", Discovery}, {4, "ResolveOxid2", Discovery}, {5, "ServerAlive2", Discovery},
};
constexpr Procedure kActivation[] = {{0, "RemoteActivation", Session}};
constexpr Procedure kActivator[] = {
    {3, "RemoteGetClassObject", Session},
    {4, "RemoteCreateInstance", Session},
};
constexpr Procedure kUnknown[] = {
    {3, "RemQueryInterface", None},
    {4, "RemAddRef", None},
    {5, "RemRelease", None},
    {6, "RemQueryInterface2", None},
};
constexpr Procedure kDispatch[] = {
    {3, "GetTypeInfoCount", Read},
    {4, "GetTypeInfo", Read},
    {5, "GetIDsOfNames", Read},
    {6, "Invoke", Write},
};
constexpr Procedure kWmiLogin[] = {
    {3, "EstablishPosition", Session},
    {4, "RequestChallenge", Authentication},
    {5, "WBEMLogin", Authentication},
    {6, "NTLMLogin", Authentication},
};
constexpr Procedure kWmi[] = {
    {3, "OpenNamespace", Session},
    {6, "GetObject", Read},
    {8, "PutClass", ConfigWrite},
    {10, "DeleteClass", ConfigWrite},
    {12, "CreateClassEnum", Discovery},
    {14, "PutInstance", ConfigWrite},
    {16, "DeleteInstance", ConfigWrite},
    {18, "CreateInstanceEnum", Discovery},
    {20, "ExecQuery", Read},
    {21, "ExecQueryAsync", Read},
    {22, "ExecNotificationQuery", Read},
    {24, "ExecMethod", Write},
    {25, "ExecMethodAsync", Write},
};

constexpr Procedure kOpcServer[] = {
    {3, "AddGroup", Session},    {4, "GetErrorString", Read},
    {5, "GetGroupByName", Read}, {6, "GetStatus", Diagnostics},
    {7, "RemoveGroup", Session}, {8, "CreateGroupEnumerator", Discovery},
};
constexpr Procedure kOpcBrowse[] = {
    {3, "QueryOrganization", Discovery}, {4, "ChangeBrowsePosition", Discovery},
    {5, "BrowseOPCItemIDs", Discovery},  {6, "GetItemID", Discovery},
    {7, "BrowseAccessPaths", Discovery},
};
constexpr Procedure kOpcItems[] = {
    {3, "AddItems", Session},           {4, "ValidateItems", Read},    {5, "RemoveItems", Session},
    {6, "SetActiveState", Write},       {7, "SetClientHandles", None}, {8, "SetDatatypes", None},
    {9, "CreateEnumerator", Discovery},
};
constexpr Procedure kOpcSync[] = {{3, "Read", Read}, {4, "Write", Write}};
constexpr Procedure kOpcAsync2[] = {
    {3, "Read", Read},    {4, "Write", Write},    {5, "Refresh2", Read},
    {6, "Cancel2", None}, {7, "SetEnable", None}, {8, "GetEnable", None},
};
constexpr Procedure kOpcCallback[] = {
    {3, "OnDataChange", Read},
    {4, "OnReadComplete", Read},
    {5, "OnWriteComplete", Write},
    {6, "OnCancelComplete", None},
};

constexpr Procedure kEvents[] = {
    {0, "ElfrClearELFW", ConfigWrite}, {1, "ElfrBackupELFW", Read}, {2, "ElfrCloseEL", None},
    {4, "ElfrNumberOfRecords", Read},  {7, "ElfrOpenELW", Session}, {10, "ElfrReadELW", Read},
    {11, "ElfrReportEventW", Write},
};
constexpr Procedure kEvents6[] = {
    {0, "EvtRpcRegisterRemoteSubscription", Session},
    {5, "EvtRpcRegisterLogQuery", Read},
    {6, "EvtRpcClearLog", ConfigWrite},
    {7, "EvtRpcExportLog", Read},
    {11, "EvtRpcQueryNext", Read},
};
constexpr Procedure kEncryption[] = {
    {0, "EfsRpcOpenFileRaw", File},      {1, "EfsRpcReadFileRaw", File},
    {2, "EfsRpcWriteFileRaw", File},     {3, "EfsRpcCloseRaw", None},
    {4, "EfsRpcEncryptFileSrv", File},   {5, "EfsRpcDecryptFileSrv", File},
    {6, "EfsRpcQueryUsersOnFile", Read}, {7, "EfsRpcQueryRecoveryAgents", Read},
};
constexpr Procedure kDfs[] = {
    {12, "NetrDfsAddStdRoot", ConfigWrite},
    {13, "NetrDfsRemoveStdRoot", ConfigWrite},
    {5, "NetrDfsEnum", Discovery},
};
constexpr Procedure kSetup[] = {{0, "DsRolerGetPrimaryDomainInformation", Discovery}};
constexpr Procedure kMail[] = {
    {0, "EcDoConnect", Session},    {1, "EcDoDisconnect", Session}, {2, "EcDoRpc", Read},
    {10, "EcDoConnectEx", Session}, {11, "EcDoRpcExt2", Read},
};

constexpr Interface kInterfaces[] = {
    {"367abb81-9844-35f1-ad32-98f038001003", "svcctl", Write, kServices},
    {"12345778-1234-abcd-ef00-0123456789ac", "samr", Read, kAccounts},
    {"12345778-1234-abcd-ef00-0123456789ab", "lsarpc", Read, kPolicy},
    {"12345678-1234-abcd-ef00-01234567cffb", "netlogon", Authentication, kLogon},
    {"4b324fc8-1670-01d3-1278-5a47bf6ee188", "srvsvc", Read, kServer},
    {"6bffd098-a112-3610-9833-46c3f87e345a", "wkssvc", Read, kWorkstation},
    {"338cd001-2244-31f1-aaaa-900038001003", "winreg", ConfigRead, kRegistry},
    {"894de0c0-0d55-11d3-a322-00c04fa321a1", "initshutdown", Reset, kShutdown},
    {"1ff70682-0a51-30e8-076d-740be8cee98b", "atsvc", ConfigWrite, kJobs},
    {"86d35949-83c9-4044-b424-db363231fd0c", "ITaskSchedulerService", ConfigWrite, kTasks},
    {"e1af8308-5d1f-11c9-91a4-08002b14a0fa", "epmapper", Discovery, kEndpoints},
    {"afa8bd80-7d8a-11c9-bef4-08002b102989", "mgmt", Read, kManagement},
    {"e3514235-4b06-11d1-ab04-00c04fc2dcd2", "drsuapi", Read, kReplication},
    {"12345678-1234-abcd-ef00-0123456789ab", "spoolss", Read, kPrinting},
    {"99fcfec4-5260-101b-bbcb-00aa0021347a", "IOXIDResolver", Discovery, kResolver},
    {"4d9f4ab8-7d1c-11cf-861e-0020af6e7c57", "IActivation", Session, kActivation},
    {"000001a0-0000-0000-c000-000000000046", "IRemoteSCMActivator", Session, kActivator},
    {"00000131-0000-0000-c000-000000000046", "IRemUnknown", None, kUnknown},
    {"00000143-0000-0000-c000-000000000046", "IRemUnknown2", None, kUnknown},
    {"00020400-0000-0000-c000-000000000046", "IDispatch", Write, kDispatch},
    {"00020401-0000-0000-c000-000000000046", "ITypeInfo", Read, {}},
    {"f309ad18-d86a-11d0-a075-00c04fb68820", "IWbemLevel1Login", Session, kWmiLogin},
    {"9556dc99-828c-11cf-a37e-00aa003240c7", "IWbemServices", Read, kWmi},
    {"39c13a4d-011e-11d0-9675-0020afd8adb3", "IOPCServer", Read, kOpcServer},
    {"39c13a4f-011e-11d0-9675-0020afd8adb3", "IOPCBrowseServerAddressSpace", Discovery, kOpcBrowse},
    {"39c13a54-011e-11d0-9675-0020afd8adb3", "IOPCItemMgt", Session, kOpcItems},
    {"39c13a52-011e-11d0-9675-0020afd8adb3", "IOPCSyncIO", Read, kOpcSync},
    {"39c13a71-011e-11d0-9675-0020afd8adb3", "IOPCAsyncIO2", Read, kOpcAsync2},
    {"39c13a70-011e-11d0-9675-0020afd8adb3", "IOPCDataCallback", Read, kOpcCallback},
    {"82273fdc-e32a-18c3-3f78-827929dc23ea", "eventlog", Read, kEvents},
    {"f6beaff7-1e19-4fbb-9f8f-b89e2018337c", "EventLog6", Read, kEvents6},
    {"c681d488-d850-11d0-8c52-00c04fd90f7e", "efsrpc", File, kEncryption},
    {"df1941c5-fe89-4e79-bf10-463657acf44d", "efsrpc", File, kEncryption},
    {"4fc742e0-4a10-11cf-8273-00aa004ae673", "netdfs", Read, kDfs},
    {"3919286a-b10c-11d0-9ba8-00c04fd92ef5", "dssetup", Discovery, kSetup},
    {"a4f1db00-ca47-1067-b31f-00dd010662da", "emsmdb", Read, kMail},
    {"f5cc5a18-4264-101a-8c59-08002b2f8426", "nspi", Read, {}},
    {"50abc2a4-574d-40b3-9d66-ee4fd5fba076", "dnsserver", ConfigWrite, {}},
    {"6bffd098-a112-3610-9833-012892020162", "browser", Discovery, {}},
};

}  // namespace

const Procedure* Interface::procedure(std::uint16_t number) const {
  const auto found = std::ranges::find(procedures, number, &Procedure::number);
  return found == procedures.end() ? nullptr : &*found;
}

const Interface* find_interface(std::string_view uuid) {
  const auto* const found = std::ranges::find(kInterfaces, uuid, &Interface::uuid);
  return found == std::end(kInterfaces) ? nullptr : found;
}

std::string uuid_text(base::ByteView bytes, bool little) {
  if (bytes.size() != 16) return {};
  Reader reader(bytes);
  const std::uint64_t parts[] = {
      little ? reader.u32le() : reader.u32be(), little ? reader.u16le() : reader.u16be(),
      little ? reader.u16le() : reader.u16be(), reader.u16be(), reader.big(6)};
  static constexpr int kDigits[] = {8, 4, 4, 4, 12};
  std::string text;
  for (std::size_t i = 0; i < std::size(kDigits); ++i) {
    if (i > 0) text += '-';
    for (int digit = kDigits[i] - 1; digit >= 0; --digit)
      text += "0123456789abcdef"[parts[i] >> (4 * digit) & 15U];
  }
  return text;
}

}  // namespace dissect::rpc
