// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.0;

// Timelock is known by its getMinDelay(), as OpenZeppelin's TimelockController is.
contract Timelock {
    uint256 public getMinDelay;

    constructor(uint256 delay) {
        getMinDelay = delay;
    }
}
