// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.0;

// Doubles of Nomad's contracts: the functions and events that an operator reads and
// calls, with the selectors of the originals, and nothing of their messaging.

abstract contract Owned {
    address public owner;

    event OwnershipTransferred(address indexed previousOwner, address indexed newOwner);

    modifier onlyOwner() {
        require(msg.sender == owner, "Ownable: caller is not the owner");
        _;
    }

    function own() internal {
        require(owner == address(0), "Initializable: contract is already initialized");
        owner = msg.sender;
    }

    function transferOwnership(address to) external onlyOwner {
        emit OwnershipTransferred(owner, to);
        owner = to;
    }
}

abstract contract NomadBase is Owned {
    uint32 public immutable localDomain;
    address public updater;
    uint8 public state; // 0 uninitialised, 1 active, 2 failed
    bytes32 public committedRoot;

    event NewUpdater(address oldUpdater, address newUpdater);

    constructor(uint32 _localDomain) {
        localDomain = _localDomain;
    }

    function activate(address _updater) internal {
        own();
        state = 1;
        replaceUpdater(_updater);
    }

    function replaceUpdater(address to) internal {
        emit NewUpdater(updater, to);
        updater = to;
    }

    function domainHash(uint32 domain) internal pure returns (bytes32) {
        return keccak256(abi.encodePacked(domain, "NOMAD"));
    }
}

contract Home is NomadBase {
    UpdaterManager public updaterManager;
    uint256 public count;
    bytes32 public root;
    uint256 public queueLength;
    mapping(uint32 => uint32) public nonces;

    constructor(uint32 _localDomain) NomadBase(_localDomain) {}

    function initialize(UpdaterManager _updaterManager) external {
        activate(_updaterManager.updater());
        updaterManager = _updaterManager;
    }

    function homeDomainHash() external view returns (bytes32) {
        return domainHash(localDomain);
    }

    function setUpdater(address to) external {
        require(msg.sender == address(updaterManager), "!updaterManager");
        replaceUpdater(to);
    }

    function setUpdaterManager(UpdaterManager to) external onlyOwner {
        updaterManager = to;
    }
}

// Replica has the fault of 2022-08: a first root of zero is confirmed, so that an
// unproven message, whose root reads as zero, is acceptable.
contract Replica is NomadBase {
    uint32 public remoteDomain;
    uint256 public optimisticSeconds;
    mapping(bytes32 => uint256) public confirmAt;

    event SetConfirmation(bytes32 indexed root, uint256 previousConfirmAt, uint256 newConfirmAt);
    event SetOptimisticTimeout(uint256 timeout);

    constructor(uint32 _localDomain) NomadBase(_localDomain) {}

    function initialize(uint32 _remoteDomain, address _updater, bytes32 _committedRoot, uint256 _optimisticSeconds) external {
        activate(_updater);
        remoteDomain = _remoteDomain;
        committedRoot = _committedRoot;
        optimisticSeconds = _optimisticSeconds;
        if (trusts(_committedRoot)) confirmAt[_committedRoot] = 1;
    }

    function trusts(bytes32) internal pure virtual returns (bool) {
        return true;
    }

    function acceptableRoot(bytes32 _root) external view returns (bool) {
        if (_root == bytes32(uint256(1))) return true; // proven, as of an older version
        if (_root == bytes32(uint256(2))) return false; // processed, likewise
        uint256 time = confirmAt[_root];
        return trusts(_root) && time != 0 && block.timestamp >= time;
    }

    function homeDomainHash() external view returns (bytes32) {
        return domainHash(remoteDomain);
    }

    function setUpdater(address to) external onlyOwner {
        replaceUpdater(to);
    }

    function setOptimisticTimeout(uint256 to) external onlyOwner {
        require(optimisticSeconds < 1500 || to >= 1500, "optimistic timeout too low");
        optimisticSeconds = to;
        emit SetOptimisticTimeout(to);
    }

    function setConfirmation(bytes32 _root, uint256 to) external onlyOwner {
        emit SetConfirmation(_root, confirmAt[_root], to);
        confirmAt[_root] = to;
    }
}

// MendedReplica trusts no root of zero, in both places.
contract MendedReplica is Replica {
    constructor(uint32 _localDomain) Replica(_localDomain) {}

    function trusts(bytes32 _root) internal pure override returns (bool) {
        return _root != bytes32(0);
    }
}

// UpdaterManager keeps its home to itself, as the original does.
contract UpdaterManager is Owned {
    address public updater;
    address private home;

    constructor(address _updater) {
        own();
        updater = _updater;
    }

    function setHome(address to) external onlyOwner {
        home = to;
    }

    function setUpdater(address to) external onlyOwner {
        updater = to;
        Home(home).setUpdater(to);
    }
}

contract XAppConnectionManager is Owned {
    address public home;
    mapping(address => uint32) public replicaToDomain;
    mapping(uint32 => address) public domainToReplica;
    mapping(address => mapping(uint32 => bool)) private watchers;

    event ReplicaEnrolled(uint32 indexed domain, address replica);
    event ReplicaUnenrolled(uint32 indexed domain, address replica);
    event WatcherPermissionSet(uint32 indexed domain, address watcher, bool access);

    constructor() {
        own();
    }

    function setHome(address to) external onlyOwner {
        home = to;
    }

    function ownerEnrollReplica(address replica, uint32 domain) external onlyOwner {
        unenroll(replica);
        replicaToDomain[replica] = domain;
        domainToReplica[domain] = replica;
        emit ReplicaEnrolled(domain, replica);
    }

    function ownerUnenrollReplica(address replica) external onlyOwner {
        unenroll(replica);
    }

    function unenroll(address replica) private {
        uint32 domain = replicaToDomain[replica];
        delete replicaToDomain[replica];
        delete domainToReplica[domain];
        emit ReplicaUnenrolled(domain, replica);
    }

    function setWatcherPermission(address watcher, uint32 domain, bool access) external onlyOwner {
        watchers[watcher][domain] = access;
        emit WatcherPermissionSet(domain, watcher, access);
    }

    function watcherPermission(address watcher, uint32 domain) external view returns (bool) {
        return watchers[watcher][domain];
    }

    function isReplica(address replica) external view returns (bool) {
        return replicaToDomain[replica] != 0;
    }
}

contract GovernanceRouter {
    struct Call {
        bytes32 to;
        bytes data;
    }

    uint32 public immutable localDomain;
    uint256 public immutable recoveryTimelock;
    uint256 public recoveryActiveAt;
    address public recoveryManager;
    address public governor;
    uint32 public governorDomain;
    XAppConnectionManager public xAppConnectionManager;
    mapping(uint32 => bytes32) public routers;
    uint32[] public domains;
    mapping(bytes32 => uint8) public inboundCallBatches; // 0 unknown, 1 pending, 2 complete

    event TransferGovernor(uint32 previousGovernorDomain, uint32 newGovernorDomain, address indexed previousGovernor, address indexed newGovernor);
    event SetRouter(uint32 indexed domain, bytes32 previousRouter, bytes32 newRouter);

    constructor(uint32 _localDomain, uint256 _recoveryTimelock) {
        localDomain = _localDomain;
        recoveryTimelock = _recoveryTimelock;
    }

    modifier onlyGovernor() {
        require(msg.sender == governor || msg.sender == address(this), "! called by governor");
        _;
    }

    function initialize(XAppConnectionManager _xAppConnectionManager, address _recoveryManager) external {
        require(governorDomain == 0, "Initializable: contract is already initialized");
        xAppConnectionManager = _xAppConnectionManager;
        recoveryManager = _recoveryManager;
        governor = msg.sender;
        governorDomain = localDomain;
    }

    function inRecovery() public view returns (bool) {
        return recoveryActiveAt != 0 && block.timestamp >= recoveryActiveAt;
    }

    function initiateRecoveryTimelock() external {
        require(msg.sender == recoveryManager, "! called by recovery manager");
        recoveryActiveAt = block.timestamp + recoveryTimelock;
    }

    function transferGovernor(uint32 domain, address to) external onlyGovernor {
        emit TransferGovernor(governorDomain, domain, governor, to);
        governorDomain = domain;
        governor = domain == localDomain ? to : address(0);
    }

    function transferRecoveryManager(address to) external {
        require(msg.sender == recoveryManager, "! called by recovery manager");
        recoveryManager = to;
    }

    function setRouterLocal(uint32 domain, bytes32 router) external onlyGovernor {
        emit SetRouter(domain, routers[domain], router);
        if (routers[domain] == bytes32(0)) domains.push(domain);
        routers[domain] = router;
    }

    function executeGovernanceActions(Call[] calldata local, uint32[] calldata remotes, Call[][] calldata) external onlyGovernor {
        require(remotes.length == 0, "this double has no remote side");
        for (uint256 i = 0; i < local.length; i++) {
            (bool ok, ) = address(uint160(uint256(local[i].to))).call(local[i].data);
            require(ok, "call failed");
        }
    }
}

// UpgradeBeacon has no function: it answers everybody but its controller with the
// implementation, which lies in slot 0.
contract UpgradeBeacon {
    address private implementation;
    address private immutable controller;

    event Upgrade(address indexed implementation);

    constructor(address _implementation, address _controller) {
        controller = _controller;
        set(_implementation);
    }

    fallback() external payable {
        if (msg.sender == controller) {
            set(abi.decode(msg.data, (address)));
            return;
        }
        assembly {
            mstore(0, sload(0))
            return(0, 32)
        }
    }

    function set(address to) private {
        require(to.code.length > 0, "implementation !contract");
        implementation = to;
        emit Upgrade(to);
    }
}

contract UpgradeBeaconController is Owned {
    event BeaconUpgraded(address indexed beacon, address implementation);

    constructor() {
        own();
    }

    function upgrade(address beacon, address implementation) external onlyOwner {
        (bool ok, ) = beacon.call(abi.encode(implementation));
        require(ok, "upgrade failed");
        emit BeaconUpgraded(beacon, implementation);
    }
}

// UpgradeBeaconProxy has its beacon in its code and nowhere else.
contract UpgradeBeaconProxy {
    address private immutable beacon;

    constructor(address _beacon, bytes memory initialization) payable {
        beacon = _beacon;
        if (initialization.length > 0) {
            (bool ok, ) = implementationOf(_beacon).delegatecall(initialization);
            require(ok, "initialization failed");
        }
    }

    function implementationOf(address _beacon) private view returns (address) {
        (bool ok, bytes memory answer) = _beacon.staticcall("");
        require(ok && answer.length == 32, "beacon does not answer");
        return abi.decode(answer, (address));
    }

    fallback() external payable {
        address to = implementationOf(beacon);
        assembly {
            calldatacopy(0, 0, calldatasize())
            let ok := delegatecall(gas(), to, 0, calldatasize(), 0, 0)
            returndatacopy(0, 0, returndatasize())
            switch ok
            case 0 { revert(0, returndatasize()) }
            default { return(0, returndatasize()) }
        }
    }
}
