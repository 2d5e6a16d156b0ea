-- Be again who has connected.
reset session authorization
